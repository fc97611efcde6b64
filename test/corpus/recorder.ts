// Has a perf record something, and another say what it recorded.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Perf, perfEnvironment, perfScript, type Script } from '../support/perf-script.ts'
import type { OptionSet } from './option-sets.ts'

const LIMIT_MS = 60_000
/** Forks, executes, faults, switches and computes: something of every kind of record. */
const WORK =
  'for i in 1 2 3; do ls -lR /usr/lib/python3* >/dev/null 2>&1; done; i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done; sleep 0.05'
const ENDLESS = 'while :; do ls -l /usr/lib >/dev/null; done'

export interface JudgedRecording {
  readonly file: string
  readonly script: Script
}

export type Made =
  | { readonly recordings: readonly JudgedRecording[] }
  /** This perf cannot do it on this kernel. */
  | { readonly refused: string }

export interface RecorderOptions {
  /** Is made. */
  readonly directory: string
  /** What reads the recordings. */
  readonly judge: Perf
}

/**
 * Where any event of the machine wants build ids in MMAP2, as Sonde's do, kernels up to 6.18 at least say of all MMAP2 records
 * that they have them. perf then takes a device's number for the length of a build id, and aborts where that is too long.
 */
const ABORTS = /stack smashing detected|util\/build-id\.c/

/**
 * Of a file that perf itself wrote: `perf inject` of a pipe into a file (5.10, 6.1) puts the attrs where the data begin, and 5.10 gives up
 * at KSYMBOL of programs of BPF that come and go. Where the judge reads nothing, nothing is judged.
 */
const UNREADABLE = /failed to process type: .*/

/** Records; once more with build ids in all maps where perf aborts without. */
export function record(perf: Perf, set: OptionSet, options: RecorderOptions): Made {
  try {
    return recordOnce(perf, set, options)
  } catch (error) {
    const [unreadable] = UNREADABLE.exec(String(error)) ?? []
    if (unreadable !== undefined) return { refused: `perf does not read its own file: ${unreadable}` }
    if (!(error instanceof Error) || !ABORTS.test(error.message)) throw error
    return recordOnce(perf, { ...set, options: [...set.options, '--buildid-mmap'] }, options)
  }
}

function recordOnce(perf: Perf, set: OptionSet, { directory, judge }: RecorderOptions): Made {
  mkdirSync(directory, { recursive: true })
  const file = join(directory, 'perf.data')
  const refused = recorded(perf, set, file) ?? injected(perf, set, file)
  if (refused !== undefined) return { refused }
  return { recordings: filesOf(set, file).map((each) => ({ file: each, script: perfScript(each, judge) })) }
}

/** Why it was not recorded. */
function recorded(perf: Perf, set: OptionSet, file: string): string | undefined {
  const running = isRunning(set)
    ? spawn('sh', ['-c', ENDLESS], { stdio: 'ignore', detached: true })
    : undefined
  const out = set.pipe === true ? openSync(file, 'w') : undefined
  try {
    const args = ['record', '-o', out === undefined ? file : '-', ...set.options, ...subjectOf(set, running)]
    return refusal(perf, args, { out, directory: dirname(file) })
  } finally {
    if (out !== undefined) closeSync(out)
    if (running?.pid !== undefined) process.kill(-running.pid, 'SIGKILL')
  }
}

function injected(perf: Perf, { inject }: OptionSet, file: string): string | undefined {
  if (inject === undefined) return undefined
  return refusal(perf, ['inject', ...inject, '-i', file, '-o', injectedFile(file)], {
    directory: dirname(file),
  })
}

const injectedFile = (file: string): string => join(dirname(file), 'injected.data')

/** perf's words where it does not do it. */
function refusal(
  [program, ...words]: Perf,
  args: readonly string[],
  { out, directory }: { readonly out?: number | undefined; readonly directory: string },
): string | undefined {
  const { status, stderr, error } = spawnSync(program, [...words, ...args], {
    cwd: directory,
    stdio: ['ignore', out ?? 'ignore', 'pipe'],
    encoding: 'utf8',
    timeout: LIMIT_MS,
    env: perfEnvironment(),
  })
  if (error !== undefined) return error.message
  if (ABORTS.test(stderr)) throw new Error(`perf ${args.join(' ')}: ${stderr}`)
  return status === 0 ? undefined : reasonIn(stderr)
}

/** Wrong options are answered with the list of all; other refusals end with their reason. */
function reasonIn(stderr: string): string {
  const lines = stderr.trim().split('\n')
  return (
    lines.find((line) => /unknown option|unknown switch|not built/.test(line)) ??
    lines.slice(-2).join(' ').trim()
  )
}

const isRunning = ({ subject }: OptionSet): boolean => subject === 'process' || subject === 'thread'

function subjectOf({ subject = 'command' }: OptionSet, running: ChildProcess | undefined): readonly string[] {
  switch (subject) {
    case 'command':
      return ['--', 'sh', '-c', WORK]
    case 'machine':
      return ['-a', '--', 'sh', '-c', WORK]
    case 'process':
      return ['-p', `${running?.pid}`, '--', 'sleep', '0.5']
    case 'thread':
      return ['-t', `${running?.pid}`, '--', 'sleep', '0.5']
  }
}

function filesOf({ writes, inject }: OptionSet, file: string): readonly string[] {
  if (inject !== undefined) return [injectedFile(file)]
  if (writes !== 'several') return [file]
  return readdirSync(dirname(file))
    .filter((name) => /^perf\.data\.\d+$/.test(name))
    .sort()
    .map((name) => join(dirname(file), name))
}
