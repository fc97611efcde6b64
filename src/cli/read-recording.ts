// Sends recordings past a command that only looks at them.

import { existsSync } from 'node:fs'
import { AgentError } from '../core/errors.ts'
import type { ProfileBatch } from '../core/profile.ts'
import type { RecordingSelection } from '../core/recording-selection.ts'
import { DEFAULT_SERVICE_POLICY } from '../core/service-policy.ts'
import type { RunEnd } from '../core/summary.ts'
import type { SymbolPolicy } from '../core/symbol-policy.ts'
import { type RecordedFiles, replayFile } from '../replay-run.ts'
import { openLog } from './log.ts'
import { VERSION } from './version.ts'

export interface ReadingOptions {
  readonly symbols: SymbolPolicy | undefined
  readonly recordedFiles?: RecordedFiles
  readonly selection: RecordingSelection
  readonly observe: (batch: ProfileBatch) => void | Promise<void>
}

/** Standard input, as every command that reads a recording calls it. */
const PIPE = '-'

/** @throws AgentError */
export function checkExists(file: string): void {
  if (file === PIPE || existsSync(file)) return
  throw new AgentError(
    'REPORT.UNREADABLE',
    `There is no file ${file}. Name another, or make one: sonde record -- CMD.`,
  )
}

/** Sends a perf.data file past `observe`. */
export async function readRecording(
  file: string,
  { symbols, recordedFiles, selection, observe }: ReadingOptions,
): Promise<RunEnd> {
  const log = openLog('warn')
  const end = await replayFile({
    files: [file],
    selection,
    signal: new AbortController().signal,
    consumers: async () => [],
    environment: {},
    symbols,
    ...(recordedFiles !== undefined && { recordedFiles }),
    services: DEFAULT_SERVICE_POLICY,
    dataDirectory: process.cwd(),
    observe,
    log: log.write,
    version: VERSION,
  }).catch(sayWhatIsRead)
  await log.flush()
  return end
}

function sayWhatIsRead(error: unknown): never {
  if (!(error instanceof AgentError) || error.code !== 'PERF_DATA.OTHER_FORMAT') throw error
  throw new AgentError(
    'REPORT.UNREADABLE',
    `${error.message}\nreport and diff read perf.data, and pprof by the name FILE.pb.gz.`,
    { cause: error },
  )
}
