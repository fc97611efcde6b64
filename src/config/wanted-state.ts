// What a directory of configuration asks for, and what became of each of its documents.

import type { ProfileCollection } from '../core/profile-collection.ts'
import type { YamlDocument } from './yaml-document.ts'

export type ConfigFileState =
  /** In force. */
  | 'loaded'
  /** Not understood, or not readable; what it said before goes on where it said something valid. */
  | 'invalid'
  /** Another document of the same identity is in force. */
  | 'superseded'
  /** Its time to live is over. */
  | 'expired'
  /** Not a file of configuration. */
  | 'ignored'

export interface ConfigFileStatus {
  readonly file: string
  /** From 0. */
  readonly document: number
  /** '' where the document does not tell, as the name and the version. */
  readonly kind: string
  readonly name: string
  readonly version: string
  readonly state: ConfigFileState
  /** Lines that say where and what is wrong. */
  readonly problems: readonly string[]
  readonly warnings: readonly string[]
}

/** How changes are noticed. */
export interface Watching {
  /** inotify tells of them; every second, or every ten, everything is read again. */
  readonly how: 'inotify' | 'polling' | 'periodic'
  /** Why it is not inotify. */
  readonly reason?: string
}

/** An AgentConfig in force. */
export interface AgentDocument {
  /** Of this document alone. */
  readonly text: string
  readonly document: YamlDocument
  readonly file: string
  /** `file:line:column` of its beginning. */
  readonly place: string
}

export interface WantedState {
  /** Those in force, last good ones included. Names are unique among those of one type. */
  readonly collections: readonly ProfileCollection[]
  readonly agent: AgentDocument | undefined
  readonly files: readonly ConfigFileStatus[]
  readonly watching: Watching
  /** About the directory as a whole. */
  readonly notices: readonly string[]
}
