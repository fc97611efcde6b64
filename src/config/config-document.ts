// What a document of a configuration file comes to: a collection, the agent's own settings, or what is wrong with it.

import type { EventInfo } from '../core/profile.ts'
import type { ProfileCollection } from '../core/profile-collection.ts'
import type { Milliseconds } from '../core/units.ts'
import type { YamlDocument } from './yaml-document.ts'

/** What a ProfileCollectionConfig may name: handed in, so that this room knows neither events nor consumers. */
export interface CollectionCatalog {
  /**
   * The event that is meant; undefined where that shows only when it starts.
   * @throws AgentError where the name is wrong
   */
  readonly checkEvent: (name: string) => EventInfo | undefined
  /** Of the agent's consumers; undefined: whatever is named is taken. */
  readonly consumerNames: readonly string[] | undefined
}

/** What tells configurations apart. */
export interface ConfigIdentity {
  /** `sonde.v1.ProfileCollectionConfig` of the plain form, else as the wrapper has it. */
  readonly type: string
  readonly name: string
}

/** One document of a file, with the place where it begins: `profiler.yaml:1:1`. */
export type ConfigDocument = { readonly place: string } & (
  | {
      readonly kind: 'collection'
      readonly type: string
      readonly collection: ProfileCollection
      /** How long it holds from when it was read; undefined: for good. */
      readonly ttl: Milliseconds | undefined
      /** `file:line:column: field: what is strange`, each. */
      readonly warnings: readonly string[]
    }
  | {
      readonly kind: 'agent'
      /** Of this document alone. */
      readonly text: string
      /** For parseAgentDocument. */
      readonly document: YamlDocument
    }
  | {
      readonly kind: 'invalid'
      /** As far as it can be told. */
      readonly identity: ConfigIdentity | undefined
      /** `file:line:column: field: what is wrong`, each. */
      readonly problems: readonly string[]
    }
)
