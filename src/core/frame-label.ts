// How a frame reads where only one line of text is to be had. The same in every output.

import { hex } from './address.ts'
import type { Image } from './process.ts'
import type { ProfileBatch } from './profile.ts'
import { nameOf } from './symbolizer.ts'

/** The last part of a path: what perf calls the DSO's short name. `//anon` is no path. */
export const baseName = (path: string): string =>
  path.startsWith('//') ? path : path.slice(path.lastIndexOf('/') + 1) || path

/**
 * The name of the object a frame lies in, as a person reads it: `libc.so.6`, `[kernel.kallsyms]`, `[vdso]`, `//anon`;
 * of a function of a runtime's language its script; '' for reason frames.
 */
export function moduleOf(batch: ProfileBatch, frame: number): string {
  const value = batch.stacks.frames.at(frame)
  switch (value.kind) {
    case 'native': {
      const file = value.functions?.[0]?.file ?? ''
      return baseName(file === '' ? imageOf(batch, value.mapping).path : file)
    }
    case 'kernel':
      return '[kernel.kallsyms]'
    case 'interpreted':
      return value.file
    case 'reason':
      return ''
  }
}

/** The function's name, or the module and the address in it where no name is known: `libc.so.6+0x27c8a`. */
export function frameLabel(batch: ProfileBatch, frame: number): string {
  const name = nameOf(batch.names, frame)
  if (name !== undefined) return name.function
  const value = batch.stacks.frames.at(frame)
  switch (value.kind) {
    case 'native':
      return value.functions?.[0]?.function || addressLabel(imageOf(batch, value.mapping), value.svma)
    case 'kernel':
      return kernelLabel(value.avma)
    case 'interpreted':
      return value.function
    case 'reason':
      return value.text
  }
}

/** What stands for code of the kernel that has no name, as perf shows it: the address is no offset in a file. */
export const kernelLabel = (address: bigint): string => `[k] ${hex(address)}`

/** What stands for code of a process that has no name. `address` is as the file states it. */
export function addressLabel(image: Pick<Image, 'kind' | 'path'> | undefined, address: bigint): string {
  switch (image?.kind) {
    case 'file':
    case 'vdso':
      return `${baseName(image.path)}+${hex(address)}`
    // A bare address of anonymous memory means nothing in another process, or a second later in this one.
    case 'anonymous':
      return image.path === '//anon' ? '[anonymous]' : `[anonymous ${image.path}]`
    case 'unknown':
    case undefined:
      return '[unknown]'
  }
}

const imageOf = ({ processes }: ProfileBatch, mapping: number): Image =>
  processes.images.at(processes.mappings.at(mapping).image)
