// The documents of one file of configuration.

import type { ProfileCollection } from '../core/profile-collection.ts'
import type { Milliseconds } from '../core/units.ts'

export type ConfigDocument =
  | {
      readonly kind: 'collection'
      readonly type: string
      readonly collection: ProfileCollection
      readonly ttl: Milliseconds | undefined
      readonly warnings: readonly string[]
      readonly place: string
    }
  | { readonly kind: 'agent'; readonly text: string; readonly place: string }
  | {
      readonly kind: 'invalid'
      readonly identity: { readonly type: string; readonly name: string } | undefined
      readonly problems: readonly string[]
      readonly place: string
    }
