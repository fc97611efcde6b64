// The programs that scripts/interop.sh obtained, and running them without blocking the servers of the tests.

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { launcher, type Run } from '../support/sonde.ts'

const directory = process.env.SONDE_INTEROP_DIR ?? join(import.meta.dirname, '../../build/interop')

export const tools = {
  collector: join(directory, 'bin/otelcol'),
  parca: join(directory, 'bin/parca'),
  pprof: join(directory, 'bin/pprof'),
  decoder: join(directory, 'decoder/bin/python'),
  testAgent: join(directory, 'test-agent/bin/ddapm-test-agent'),
  profilerCli: join(directory, 'profiler-cli/node_modules/.bin/profiler-cli'),
  profcheck: process.env.PROFCHECK ?? '',
} as const
type Tool = keyof typeof tools

/** Why a test that needs them skips; false where all are there. As `skip` of node:test. */
export function without(...needed: readonly Tool[]): string | false {
  const missing = needed.filter((tool) => !existsSync(tools[tool]))
  if (missing.length === 0) return false
  const why = missing.map((tool) =>
    tool === 'profcheck' ? 'PROFCHECK names no binary' : `no ${tool} (build/log/interop-*.log says why)`,
  )
  return why.join(', ')
}

type Environment = Readonly<Record<string, string>>

/** This process's, without what would turn consumers on or change what they send. */
function environmentWith(changes: Environment): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(OTEL|DD)_|_proxy$/i.test(name))
  return { ...Object.fromEntries(kept), ...changes }
}

export interface Child {
  readonly pid: number
  /** What it wrote so far. */
  output(): { readonly stdout: string; readonly stderr: string }
  /** Sends the signal and waits for the end. Safe after the end. */
  end(signal: NodeJS.Signals): Promise<Run>
  /** Of its own accord. */
  readonly ended: Promise<Run>
}

/** A child that does not outlive the test. */
export function start(
  t: TestContext,
  [command = '', ...args]: readonly string[],
  options: { readonly environment?: Environment; readonly cwd?: string } = {},
): Child {
  const { environment = {}, ...others } = options
  const settings: SpawnOptions = {
    ...others,
    env: environmentWith(environment),
    stdio: ['ignore', 'pipe', 'pipe'],
  }
  const child: ChildProcess = spawn(command, args, settings)
  let [stdout, stderr] = ['', '']
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const ended = new Promise<Run>((resolve, reject) => {
    child.on('error', reject).on('close', (status) => resolve({ status, stdout, stderr }))
  })
  const end = (signal: NodeJS.Signals): Promise<Run> => {
    child.kill(signal)
    return ended
  }
  t.after(() => end('SIGKILL'))
  return { pid: child.pid ?? 0, output: () => ({ stdout, stderr }), end, ended }
}

/** Runs a program to its end; throws with what it said when it fails. */
export async function output(t: TestContext, command: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await start(t, command).ended
  if (status !== 0) throw new Error(`${command.join(' ')}: exit ${status}: ${stderr}`)
  return stdout
}

/** The built command line; its end. */
export const sonde = (t: TestContext, args: readonly string[], environment: Environment = {}): Promise<Run> =>
  startSonde(t, args, environment).ended

export const startSonde = (t: TestContext, args: readonly string[], environment: Environment = {}): Child =>
  start(t, [launcher, ...args], { environment })

/** Until `ask` has an answer; throws what it is about after a minute. */
export async function until<Answer>(
  what: string,
  ask: () => Answer | undefined | Promise<Answer | undefined>,
): Promise<Answer> {
  for (let turn = 0; turn < 600; turn++) {
    const answer = await ask()
    if (answer !== undefined) return answer
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`not within a minute: ${what}`)
}
