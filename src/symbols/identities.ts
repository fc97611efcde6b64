// What an image of the kernel's turned out to be when it was last opened.

import type { ImageGroup } from './frame-groups.ts'

const MAX_IMAGES = 8192
/** Several contents under one description. */
const SEVERAL = ''

type Described = Pick<ImageGroup, 'image' | 'space' | 'root'>

/**
 * The identities of images (NativeNameResult), by what the kernel says of them and the root that they were opened in. For a
 * root that is not known, such as that of a process that has ended: where all have one content it is that.
 */
export class Identities {
  /** The one that was learned first comes first. */
  readonly #known = new Map<string, string>()

  /** What it most likely is, to be verified; '' where nothing is known. */
  of(described: Described): string {
    return this.#known.get(keyOf(described)) ?? this.#known.get(keyOf({ ...described, root: '' })) ?? ''
  }

  learn(described: Described, identity: string): void {
    this.#known.set(keyOf(described), identity)
    const anywhere = keyOf({ ...described, root: '' })
    const other = this.#known.get(anywhere)
    this.#known.set(anywhere, other === undefined || other === identity ? identity : SEVERAL)
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= MAX_IMAGES) return
      this.#known.delete(oldest)
    }
  }
}

const keyOf = ({ image: { path, buildId, device, inode }, space, root }: Described): string =>
  `${buildId}/${device}/${inode}/${space}/${root}/${path}`
