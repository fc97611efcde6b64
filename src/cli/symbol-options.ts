// Options that say where names come from, for the commands that show them.

import { statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { UsageError } from '../core/errors.ts'
import {
  DEBUGINFOD_DEFAULTS,
  DEFAULT_SYMBOL_POLICY,
  type DebuginfodPolicy,
  type SymbolPolicy,
} from '../core/symbol-policy.ts'
import type { Option, ParsedOptions } from './options.ts'

export const SYMBOL_OPTIONS: readonly Option[] = [
  {
    long: 'debug-dir',
    value: 'DIR',
    multiple: true,
    help: 'Also looks for debug files below it, by build id (DIR/.build-id/ab/cdef….debug), as in /usr/lib/debug',
  },
  {
    long: 'lines',
    help: 'Source lines and inlined functions, where there is DWARF (read by a process of its own)',
  },
  {
    long: 'debuginfod',
    help: 'Asks the servers in DEBUGINFOD_URLS for the debug files that this machine lacks',
  },
]

/** For what was recorded at another time, perhaps elsewhere. */
export const RECORDED_OPTIONS: readonly Option[] = [
  {
    long: 'symfs',
    value: 'DIR',
    help: "Looks for the recorded machine's files below DIR instead of in this machine's root",
  },
  {
    long: 'kallsyms',
    value: 'FILE',
    help: 'Names the recorded kernel by this copy of its /proc/kallsyms',
  },
  {
    long: 'vmlinux',
    value: 'FILE',
    help: 'Names the recorded kernel by its vmlinux: its build id must be the recorded one',
  },
  {
    long: 'buildid-dir',
    value: 'DIR',
    help: "perf's cache, read for files by build id (default PERF_BUILDID_DIR, else ~/.debug)",
  },
]

/** Of a command that reads recordings. @throws UsageError */
export const recordedSymbolPolicyOf = (options: ParsedOptions): SymbolPolicy => ({
  ...symbolPolicyOf(options),
  recorded: {
    symfs: existing(options, 'symfs', 'directory'),
    kallsyms: existing(options, 'kallsyms', 'file'),
    vmlinux: existing(options, 'vmlinux', 'file'),
    buildIdCaches: [
      existing(options, 'buildid-dir', 'directory') ??
        resolve(process.env.PERF_BUILDID_DIR || join(homedir(), '.debug')),
    ],
  },
})

/** The path that an option names, where there is such a thing. */
function existing(options: ParsedOptions, option: string, kind: 'file' | 'directory'): string | undefined {
  const named = options.value(option)
  if (named === undefined) return undefined
  const path = resolve(named)
  const status = statSync(path, { throwIfNoEntry: false })
  const fits = kind === 'file' ? status?.isFile() : status?.isDirectory()
  if (fits) return path
  throw new UsageError(
    `--${option} ${named}: ${status ? `it is no ${kind}` : 'there is nothing of that name'}.`,
  )
}

/** @throws UsageError */
export const symbolPolicyOf = (options: ParsedOptions): SymbolPolicy => ({
  ...DEFAULT_SYMBOL_POLICY,
  debugDirectories: [
    ...options.values('debug-dir').map((path) => resolve(path)),
    ...DEFAULT_SYMBOL_POLICY.debugDirectories,
  ],
  lines: options.has('lines'),
  debuginfod: options.has('debuginfod') ? debuginfodOf(process.env.DEBUGINFOD_URLS ?? '') : undefined,
})

/** The variable is a list with blanks between, as elfutils has it. */
function debuginfodOf(variable: string): DebuginfodPolicy {
  const urls = variable.split(/\s+/).filter((url) => url !== '')
  if (urls.length === 0) throw new UsageError('--debuginfod: DEBUGINFOD_URLS names no server.')
  const wrong = urls.find((url) => !/^https?:$/.test(URL.parse(url)?.protocol ?? ''))
  if (wrong !== undefined)
    throw new UsageError(`--debuginfod: DEBUGINFOD_URLS has ${wrong}, which is no http or https URL.`)
  return { ...DEBUGINFOD_DEFAULTS, urls, cacheDirectory: userCacheDirectory() }
}

/** Commands that anybody runs anywhere keep what servers gave for the next time. */
const userCacheDirectory = (): string =>
  join(resolve(process.env.XDG_CACHE_HOME || join(homedir(), '.cache')), 'sonde', 'debuginfod')
