// What a directory of configuration asks for, and what became of each of its documents.

import type { ProfileCollection } from '../core/profile-collection.ts'
import type { ConfigFileStatus } from '../core/status.ts'
import type { YamlDocument } from './yaml-document.ts'

export type { ConfigFileStatus } from '../core/status.ts'

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
