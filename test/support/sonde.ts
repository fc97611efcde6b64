// Runs the built command line as a user does, and the tools that judge its files.

import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { CallGraph } from '../../src/core/call-graph.ts'
import type { StackSummary } from '../../src/core/summary.ts'

export const launcher = join(import.meta.dirname, '../../scripts/sonde')

export interface Run {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
}

/** Runs a program to its end; never throws for its exit status. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Run {
  const result: SpawnSyncReturns<string> = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 30,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options,
  })
  if (result.error !== undefined) throw result.error
  return { status: result.status, stdout: result.stdout, stderr: result.stderr }
}

export const sonde = (args: readonly string[], options: RunOptions = {}): Run => run(launcher, args, options)

/** A directory that is removed when the test ends. */
export function temporaryDirectory(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'sonde-test-'))
  context.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** The parts of the summary (docs/summary.md) that tests read. */
export interface Summary {
  readonly version: number
  readonly firstSampleSeconds: number | null
  readonly sessions: readonly {
    readonly event: string
    readonly startedAt: string
    readonly endedAt: string
    readonly taken: number
    readonly lost: Readonly<Record<string, number>>
    readonly value: number
    readonly callGraph: CallGraph
  }[]
  readonly samples: {
    readonly taken: number
    readonly written: number
    readonly lost: Readonly<Record<string, number>>
  }
  readonly stacks: StackSummary
  readonly self: { readonly cpuSeconds: number; readonly maxRssBytes: number }
  readonly consumers: Readonly<
    Record<
      string,
      {
        delivered: number
        dropped: number
        failed: number
        bytes: number
        files: readonly string[]
        spooled?: number
      }
    >
  >
}

export const readSummary = (path: string): Summary => JSON.parse(readFileSync(path, 'utf8')) as Summary

export const sum = (values: Iterable<number>): number =>
  [...values].reduce((total, value) => total + value, 0)

/** Whether a program is on this machine. */
export const isInstalled = (program: string): boolean =>
  run('sh', ['-c', `command -v ${program}`]).status === 0

export interface PerfReading {
  readonly samples: number
  readonly periods: bigint
}

/** What perf itself reads from a file. Throws with perf's own words when it warns or fails. */
export function readWithPerf(file: string): PerfReading {
  for (const args of [
    ['report', '--stdio', '-i', file],
    ['report', '--header-only', '-i', file],
    ['buildid-list', '-i', file],
  ]) {
    const result = run('perf', args)
    if (result.status !== 0 || /warning|error|fail/i.test(result.stderr)) {
      throw new Error(`perf ${args.join(' ')}: exit ${result.status}: ${result.stderr}`)
    }
  }
  const script = run('perf', ['script', '-F', 'period', '-G', '-i', file])
  if (script.status !== 0 || script.stderr.trim() !== '') {
    throw new Error(`perf script -i ${file}: exit ${script.status}: ${script.stderr}`)
  }
  const periods = script.stdout.split('\n').filter((line) => line.trim() !== '')
  return {
    samples: periods.length,
    periods: periods.reduce((total, line) => total + BigInt(line.trim()), 0n),
  }
}
