// Everything that lies in a directory of configuration at one moment.

import { readdir, readlink, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { errnoOf } from '../core/errors.ts'
import { readFileText, unreadableBecause } from './file-text.ts'

export type ScannedFile =
  /** `written` differs whenever the file was written or replaced. */
  | { readonly is: 'text'; readonly file: string; readonly text: string; readonly written: string }
  | { readonly is: 'unreadable'; readonly file: string; readonly problem: string }
  | { readonly is: 'ignored'; readonly file: string; readonly reason: string }

export type DirectoryState =
  | { readonly is: 'present' }
  | { readonly is: 'missing' }
  | { readonly is: 'unreadable'; readonly problem: string }

export interface DirectoryScan {
  readonly directory: DirectoryState
  /** By name. */
  readonly files: readonly ScannedFile[]
  /**
   * Differs whenever another directory is at its path, or at that of the nearest one above it while it does not exist, and when
   * it could not be read before.
   */
  readonly anchor: string
}

/** How often a directory is read again that changes while it is read; whatever comes later is told by its event. */
const ATTEMPTS = 4

export async function scanDirectory(directory: string): Promise<DirectoryScan> {
  const nearest = await nearestTo(directory)
  for (let attempt = 1; ; attempt++) {
    const listing = await list(directory)
    const anchor = `${listing.state.is} ${nearest}`
    if (listing.state.is !== 'present') return { directory: listing.state, files: [], anchor }
    const files = await readFiles(directory, listing.names)
    if (attempt === ATTEMPTS || isDeepStrictEqual(listing, await list(directory))) {
      return { directory: listing.state, files, anchor }
    }
  }
}

interface Listing {
  readonly state: DirectoryState
  readonly names: readonly string[]
  /** Where the kubelet's `..data` points: all its files change when it does. */
  readonly data: string | undefined
}

async function list(directory: string): Promise<Listing> {
  try {
    const names = (await readdir(directory)).filter((name) => !isPassedOver(name)).sort()
    return { state: { is: 'present' }, names, data: await targetOf(join(directory, '..data')) }
  } catch (error) {
    const state: DirectoryState =
      errnoOf(error) === 'ENOENT'
        ? { is: 'missing' }
        : { is: 'unreadable', problem: unreadableBecause(error) }
    return { state, names: [], data: undefined }
  }
}

/** The kubelet's own entries, and what editors put beside the file that they write. */
const isPassedOver = (name: string): boolean =>
  name.startsWith('..') || /^\.#|~$|^\..*\.sw[a-z]$|^#.*#$|^4913$/.test(name)

const isConfiguration = (name: string): boolean => /\.(?:ya?ml|json)$/i.test(name)

async function readFiles(directory: string, names: readonly string[]): Promise<readonly ScannedFile[]> {
  const files: ScannedFile[] = []
  for (const name of names) {
    const file = join(directory, name)
    if (!isConfiguration(name)) {
      files.push({ is: 'ignored', file, reason: 'only .yaml, .yml and .json are read' })
      continue
    }
    const read = await readFileText(file)
    if (read.is !== 'gone') files.push({ ...read, file })
  }
  return files
}

async function targetOf(link: string): Promise<string | undefined> {
  try {
    return await readlink(link)
  } catch {
    return undefined
  }
}

/** That there is of the path to it. */
async function nearestTo(directory: string): Promise<string> {
  for (let path = directory; ; path = dirname(path)) {
    try {
      const { dev, ino, birthtimeNs } = await stat(path, { bigint: true })
      return `${path} ${dev}:${ino}:${birthtimeNs}`
    } catch (error) {
      if (path === dirname(path)) return `${path} ${errnoOf(error)}`
    }
  }
}
