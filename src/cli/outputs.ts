// The files of -o: the format follows from the name.

import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { ProfileFormat } from '../core/encoder.ts'
import { AgentError, errnoOf, UsageError } from '../core/errors.ts'
import { PROFILE_ENDINGS } from '../formats/profile/file-names.ts'
import { type ConsumerBuilder, loadConsumers } from '../open-pipeline.ts'
import type { Switching } from './switching-options.ts'

export type OutputFormat = 'perf_data' | ProfileFormat

export interface Output {
  readonly path: string
  readonly format: OutputFormat
}

const EXTENSIONS: readonly (readonly [extension: string, format: OutputFormat])[] = [
  ['.data', 'perf_data'],
  ...PROFILE_ENDINGS,
]

export const FORMATS_HELP =
  'FILE.data (perf), .pb.gz (pprof), .folded, .speedscope.json, .html (flame graph) or .json.gz (Firefox Profiler)'

/** @throws UsageError where the name says no format, or two outputs would be one */
export function outputsOf(paths: readonly string[]): readonly Output[] {
  const outputs = paths.map((path): Output => ({ path, format: formatOf(path) }))
  const twin = outputs.find(
    ({ path }, index) => paths.findIndex((each) => resolve(each) === resolve(path)) < index,
  )
  if (twin !== undefined) throw new UsageError(`-o ${twin.path} is given twice.`)
  const second = outputs.filter(({ format }) => format === 'perf_data')[1]
  if (second !== undefined)
    throw new UsageError(`-o ${second.path}: one perf.data file is enough; copy it afterwards.`)
  return outputs
}

function formatOf(path: string): OutputFormat {
  const name = path.slice(path.lastIndexOf('/') + 1)
  const known = EXTENSIONS.find(([extension]) => name.endsWith(extension) && name.length > extension.length)
  if (known !== undefined) return known[1]
  throw new UsageError(`-o ${path}: the name does not say the format: ${FORMATS_HELP}.`)
}

/**
 * Before anything is sampled: whether there is a place for the files.
 * @throws UsageError where both are one file, AgentError where there is none
 * @param summary a file that is written over, not replaced: it may be a pipe or a terminal
 */
export function checkPlaces(outputs: readonly Output[], summary: string | undefined): void {
  if (summary !== undefined && outputs.some(({ path }) => resolve(path) === resolve(summary)))
    throw new UsageError(`--summary ${summary}: -o names the same file.`)
  for (const { path } of outputs) {
    checkAccess(path, dirname(resolve(path)), constants.W_OK | constants.X_OK)
    refuseDirectory(path)
  }
  if (summary === undefined) return
  if (existsSync(summary)) checkAccess(summary, summary, constants.W_OK)
  else checkAccess(summary, dirname(resolve(summary)), constants.W_OK | constants.X_OK)
  refuseDirectory(summary)
}

function checkAccess(path: string, what: string, mode: number): void {
  try {
    accessSync(what, mode)
  } catch (error) {
    throw cannotWrite(path, errnoOf(error) ?? 'it cannot be written to', error)
  }
  if (what !== path && !statSync(what).isDirectory()) throw cannotWrite(path, 'ENOTDIR')
}

function refuseDirectory(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true)
    throw cannotWrite(path, 'it is a directory')
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'its directory does not exist',
  EACCES: 'permission denied',
  EROFS: 'its file system is read-only',
  ENOTDIR: 'what should be its directory is none',
}

const cannotWrite = (path: string, reason: string, cause?: unknown): AgentError =>
  new AgentError(
    'CLI.OUTPUT',
    `Cannot write ${path}: ${REASONS[reason] ?? reason}. ` +
      `${reason === 'ENOENT' ? 'Make it, or choose another path.' : 'Choose another path.'}`,
    { cause },
  )

/** How a file of perf.data gives way to the next, and how it is written. */
export type Rotation = Pick<Switching, 'stampsAll' | 'bytes' | 'maxFiles' | 'compressionLevel' | 'clock'>

export const NO_ROTATION: Rotation = {
  stampsAll: false,
  bytes: undefined,
  maxFiles: 0,
  compressionLevel: 0,
  clock: 'monotonic',
}

/** What writes the outputs: the same consumers that a configuration names. */
export async function buildersFor(
  outputs: readonly Output[],
  rotation: Rotation = NO_ROTATION,
): Promise<readonly ConsumerBuilder[]> {
  const paths = (of: (format: OutputFormat) => boolean): readonly string[] =>
    outputs.filter(({ format }) => of(format)).map(({ path }) => path)
  const [file] = paths((format) => format === 'perf_data')
  const profiles = paths((format) => format !== 'perf_data')
  const sections: Readonly<Record<string, unknown>> = {
    ...(file === undefined ? {} : { perf_data: perfDataSection(file, rotation) }),
    ...(profiles.length === 0 ? {} : { files: { file: profiles } }),
  }
  const plugins = await loadConsumers(Object.keys(sections))
  return plugins.map((plugin) => plugin.configure(sections[plugin.type], '-o'))
}

const perfDataSection = (
  file: string,
  { stampsAll, bytes = 0, maxFiles, compressionLevel: level, clock }: Rotation,
) => ({
  file,
  stamped: stampsAll ? 'always' : 'rotated',
  rotationInterval: 0,
  maxFileBytes: bytes,
  maxFiles,
  maxTotalBytes: 0,
  clock,
  ...(level === 0 ? {} : { compression: 'zstd', compressionLevel: level }),
})
