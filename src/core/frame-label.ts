// How a frame reads where only one line of text is to be had. The same in every output.

import { hex } from './address.ts'
import type { Image, ImageKind } from './process.ts'
import { type FrameKind, ownFunctions, type ProfileBatch } from './profile.ts'
import { nameOf, namesOf } from './symbolizer.ts'

/** One line of text, and where that function is. */
export interface FunctionLabel {
  readonly name: string
  readonly module: string
}

/** The last part of a path: what perf calls the DSO's short name. `//anon` is no path. */
export const baseName = (path: string): string =>
  path.startsWith('//') ? path : path.slice(path.lastIndexOf('/') + 1) || path

/** One function that a frame stands for, as far as it says where it is. */
export interface FunctionPlace {
  readonly kind: FrameKind
  /** What the frame lies in. */
  readonly imageKind: ImageKind
  readonly path: string
  /** Its source, '' where it is not known. */
  readonly file: string
  /** Its runtime says it, not a symbol table. */
  readonly ofRuntime: boolean
}

/**
 * Where a function is, as a person reads it: the object that its code lies in (`libc.so.6`, `[kernel.kallsyms]`, `[vdso]`,
 * `//anon`), or the script where a runtime says the function or the code lies in no file; '' for reason frames.
 */
export function moduleOf({ kind, imageKind, path, file, ofRuntime }: FunctionPlace): string {
  switch (kind) {
    case 'native': {
      const script = ofRuntime || imageKind === 'anonymous' ? file : ''
      return baseName(script || path)
    }
    case 'kernel':
      return '[kernel.kallsyms]'
    case 'interpreted':
      return file
    case 'reason':
      return ''
  }
}

/** A line of text for each function that a frame stands for, innermost first. Never empty. */
export function functionLabels(batch: ProfileBatch, frame: number): readonly FunctionLabel[] {
  const value = batch.stacks.frames.at(frame)
  const { kind: imageKind, path } = value.kind === 'native' ? imageOf(batch, value.mapping) : NO_IMAGE
  const place = { kind: value.kind, imageKind, path }
  const known = namesOf(batch.names, frame)
  const own = ownFunctions(value)
  const names = known.length > 0 ? known : own
  if (names.length === 0) {
    const module = moduleOf({ ...place, file: '', ofRuntime: false })
    return [{ name: frameLabel(batch, frame), module }]
  }
  // What symbols say comes first.
  const ofSymbols = names.length - own.length
  return names.map(({ function: name, file }, at) => ({
    name,
    module: moduleOf({ ...place, file, ofRuntime: at >= ofSymbols }),
  }))
}

const NO_IMAGE = { kind: 'unknown', path: '' } as const

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
