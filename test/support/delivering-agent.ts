// A real agent (sonde run) that sends to servers of the test, and what those got.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { askAgent } from '../../src/cli/ask-agent.ts'
import type { DeliveryStatus, Status } from '../../src/core/status.ts'
import type { Answer, ReceivedRequest } from './intake.ts'
import { readMultipart } from './multipart-reader.ts'
import { type ReadProfile, readOtlp } from './otlp-reader.ts'
import { type ReadPprof, readPprof } from './pprof-reader.ts'
import { launcher, readSummary, type Summary } from './sonde.ts'

export const wholeMachine =
  process.getuid?.() === 0 ? {} : { skip: 'sampling the whole machine needs root' }

type Section = Readonly<Record<string, unknown>>

export interface AgentSetup {
  readonly cwd: string
  /** Sections of consumers besides perf_data, by type. */
  readonly consumers: Readonly<Record<string, Section>>
  readonly environment?: Readonly<Record<string, string>>
  readonly deadline?: string
  readonly window?: string
  readonly options?: readonly string[]
}

export interface AgentEnd {
  readonly code: number | null
  readonly summary: Summary
  /** Of its standard output and error together. */
  readonly text: string
  readonly stopMs: number
}

export interface DeliveringAgent {
  readonly child: ChildProcess
  /** What it has logged until now. */
  readonly logged: () => string
  /** The status once it is as the test wants it. */
  statusThat(suits: (status: Status) => boolean): Promise<Status>
  end(): Promise<AgentEnd>
  kill(): Promise<void>
}

/** Without the variables that exporters and proxies are told by. */
export const plainEnvironment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(OTEL_|DD_|SONDE_)|_proxy$/i.test(name)),
  )

/** Resolves when the agent samples, which it says when it can be asked. */
export async function deliveringAgent(t: TestContext, setup: AgentSetup): Promise<DeliveringAgent> {
  const { cwd, consumers, environment, deadline = '5s', window = '300ms', options = [] } = setup
  const sections = Object.entries(consumers).map(([type, section]) => ({ type, ...section }))
  const spec = {
    sampler: { window },
    shutdown: { deadline },
    consumers: [{ type: 'perf_data' }, ...sections],
  }
  const config = { apiVersion: 'sonde/v1', kind: 'AgentConfig', spec }
  writeFileSync(join(cwd, 'agent.yaml'), JSON.stringify(config))
  const args = ['--config', 'agent.yaml', '--data-directory', 'out', '--summary', 'summary.json', ...options]
  const child = spawn(launcher, ['run', ...args], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...plainEnvironment(), ...environment },
  })
  t.after(() => child.kill('SIGKILL'))
  const ended = once(child, 'close')
  let said = ''
  let shown = ''
  child.stdout?.on('data', (text) => {
    shown += String(text)
  })
  await new Promise<void>((resolve, reject) => {
    child.on('exit', () => reject(new Error(`the agent ended: ${said}`)))
    child.stderr?.on('data', (text) => {
      said += String(text)
      if (said.includes('sampling')) resolve()
    })
  })
  return {
    child,
    logged: () => said,
    statusThat: (suits) => statusThat(cwd, suits),
    async end() {
      const began = performance.now()
      child.kill('SIGTERM')
      const [code] = (await ended) as [number | null]
      const stopMs = performance.now() - began
      return { code, stopMs, summary: readSummary(join(cwd, 'summary.json')), text: shown + said }
    },
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** Asked as sonde status asks, but without a process that would hold up the servers of the test. */
async function statusThat(cwd: string, suits: (status: Status) => boolean): Promise<Status> {
  for (;;) {
    const status = JSON.parse(await askAgent(join(cwd, 'out'))) as Status
    if (suits(status)) return status
    await sleep(50)
  }
}

export function deliveryIn(status: Status, consumer = 'otlp_profiles'): DeliveryStatus {
  const delivery = status.consumers[consumer]?.delivery
  assert.ok(delivery !== undefined)
  return delivery
}

/** A process that computes until the test ends, with these variables and no others. */
export function busyChild(t: TestContext, environment: Readonly<Record<string, string>>): ChildProcess {
  const child = spawn('/bin/sh', ['-c', 'while :; do :; done'], {
    env: { PATH: '/usr/bin:/bin', ...environment },
    stdio: 'ignore',
  })
  t.after(() => child.kill('SIGKILL'))
  return child
}

/** As an OTLP server takes a message. */
export const TAKE_OTLP: Answer = (response) =>
  void response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()

export const profilesIn = (requests: readonly Pick<ReceivedRequest, 'body' | 'headers'>[]): ReadProfile[] =>
  requests.flatMap(({ body, headers }) =>
    readOtlp(headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body),
  )

const sum = (values: readonly bigint[]): bigint => values.reduce((total, value) => total + value, 0n)

/** Samples of a clock event. */
export const otlpSamples = (profiles: readonly ReadProfile[]): number =>
  Number(sum(profiles.flatMap(({ samples }) => samples.flatMap(({ values }) => values))))

export interface Upload {
  /** event.json */
  readonly event: {
    readonly start: string
    readonly end: string
    readonly tags_profiler: string
    readonly info: { readonly application: { readonly service: string } }
  }
  readonly pprof: ReadPprof
}

export const uploadsIn = (requests: readonly ReceivedRequest[]): Upload[] =>
  requests.map(({ headers, body }) => {
    const [event, profile] = readMultipart(headers['content-type'] ?? '', body)
    assert.ok(event !== undefined && profile !== undefined)
    return {
      event: JSON.parse(String(event.bytes)) as Upload['event'],
      pprof: readPprof(zstdDecompressSync(profile.bytes)),
    }
  })

export const uploadedSamples = (uploads: readonly Upload[]): number =>
  Number(sum(uploads.flatMap(({ pprof }) => pprof.samples.map(({ values }) => values[0] ?? 0n))))

export interface Spooled {
  readonly name: string
  readonly samples: number
}

/** What waits on disk, oldest first. */
export function spooledFor(cwd: string, consumer: string): Spooled[] {
  const directory = join(cwd, 'out/spool', consumer)
  if (!existsSync(directory)) return []
  return readdirSync(directory)
    .sort()
    .map((name) => ({ name, samples: Number(/-(\d+)samples-/.exec(name)?.[1]) }))
}

/** What is in every regular file below a directory, as one text. */
export const contentBelow = (directory: string): string =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
    .join('\n')
