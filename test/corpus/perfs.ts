// The perfs that Debian offers, unpacked beside the machine's own; each runs on the libraries of its release.

import { existsSync, globSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Archive, type Suites } from '../kernels/archive.ts'
import { lastLine, outputOf } from '../kernels/programs.ts'
import type { Perf } from '../support/perf-script.ts'

export interface PerfLine extends Suites {
  /** As the tests call it. */
  readonly name: string
  readonly package: string
  /** The line whose perf reads its recordings, where its own cannot. */
  readonly judge?: string
}

/** Oldest first. */
export const PERF_LINES: readonly PerfLine[] = [
  { name: '5.10', suite: 'bullseye', security: true, package: 'linux-perf-5.10' },
  { name: '6.1', suite: 'bookworm', security: true, package: 'linux-perf' },
  {
    name: '6.1 of i386',
    suite: 'bookworm',
    security: false,
    package: 'linux-perf',
    architecture: 'i386',
    // perf script aborts: malloc(): invalid next size.
    judge: '6.1',
  },
  {
    name: 'backports',
    suite: 'bookworm',
    more: ['bookworm-backports'],
    security: false,
    package: 'linux-perf/bookworm-backports',
  },
  { name: '6.12', suite: 'trixie', security: true, package: 'linux-perf' },
  { name: 'newest', suite: 'sid', security: false, package: 'linux-perf' },
]

export type Found = { readonly perf: Perf; readonly version: string } | { readonly lacking: string }

/** A perf that runs: kept below `directory` from an earlier time, or fetched. */
export function obtain(line: PerfLine, directory: string): Found {
  const place = join(directory, line.name.replaceAll(' ', '-'))
  try {
    if (!existsSync(join(place, 'complete'))) unpack(line, place)
    const perf = perfBelow(join(place, 'root'))
    return { perf, version: versionOf(perf) }
  } catch (error) {
    return { lacking: lastLine(error instanceof Error ? error.message : String(error)) }
  }
}

const versionOf = ([program, ...words]: Perf): string =>
  outputOf(program, [...words, '--version'])
    .toString()
    .trim()
    .replace('perf version ', '')

function unpack(line: PerfLine, place: string): void {
  rmSync(place, { recursive: true, force: true })
  const root = join(place, 'root')
  mkdirSync(root, { recursive: true })
  const archive = Archive.open(line, place)
  for (const file of archive.fetchWhole(line.package)) outputOf('dpkg-deb', ['--extract', file, root])
  rmSync(join(place, 'cache'), { recursive: true })
  writeFileSync(join(place, 'complete'), '')
}

/** Started by its own loader, so that what it starts itself has the machine's libraries. */
function perfBelow(root: string): Perf {
  const [perf] = globSync(join(root, 'usr/bin/perf{,_*}'))
  const [loader] = globSync(join(root, '{,usr/}lib/*-linux-gnu/ld-linux*.so.2'))
  if (perf === undefined || loader === undefined) throw new Error(`no perf was unpacked below ${root}`)
  const libraries = globSync(join(root, '{,usr/}lib/*-linux-gnu'))
  return [loader, '--library-path', libraries.join(':'), perf]
}
