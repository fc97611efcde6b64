// perf.data as `perf script` reads it.

import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

/** Where it neither reads nor fills this user's cache of build ids and this user's settings. */
export function perfEnvironment(): NodeJS.ProcessEnv {
  mkdirSync(PERF_HOME, { recursive: true })
  return { ...process.env, HOME: PERF_HOME, LC_ALL: 'C', DEBUGINFOD_URLS: '' }
}
const PERF_HOME = join(import.meta.dirname, '../../build/corpus/home')

/** A perf that can be started: its program, and the words before its own. */
export type Perf = readonly [program: string, ...words: string[]]

export const MACHINES_PERF: Perf = ['perf']

export type ScriptField = 'comm' | 'pid' | 'tid' | 'cpu' | 'time' | 'event' | 'period' | 'ip'

export interface ScriptFrame {
  /** Of the kernel an address; of a file an offset or an address, as the version of perf has it. */
  readonly address: bigint
  readonly symbol: string
  readonly dso: string
}

export interface ScriptSample {
  readonly event: string
  readonly comm: string
  readonly pid: number
  readonly tid: number
  readonly cpu: number
  readonly time: bigint
  readonly period: bigint
  readonly frames: readonly ScriptFrame[]
}

export interface Script {
  readonly samples: readonly ScriptSample[]
  readonly lost: bigint
  /** Fields that the file's samples do not have. */
  readonly without: ReadonlySet<ScriptField>
  /** Whether samples have chains, and not only the address that was hit. */
  readonly chains: boolean
}

const FIELDS: readonly ScriptField[] = ['comm', 'pid', 'tid', 'cpu', 'time', 'event', 'period', 'ip']
const LIMIT_MS = 120_000
/** More than the kernel's own limit of a chain. */
const MAX_STACK = '1024'

/** @throws Error with perf's words where it cannot read the file */
export function perfScript(file: string, [program, ...words]: Perf = MACHINES_PERF): Script {
  const without = new Set<ScriptField>()
  for (;;) {
    const fields = FIELDS.filter((field) => !without.has(field))
    const shown = fields.includes('ip') ? [...fields, 'sym', 'dso'] : fields
    const args = ['script', '-i', file, '--ns', '--no-inline', '--max-stack', MAX_STACK, '--show-lost-events']
    const { status, stdout, stderr, error } = spawnSync(program, [...words, ...args, '-F', shown.join()], {
      encoding: 'utf8',
      maxBuffer: 2 ** 30,
      timeout: LIMIT_MS,
      env: perfEnvironment(),
    })
    if (error !== undefined) throw error
    const missing = /Cannot print '(\w+)' field/.exec(stderr)?.[1] as ScriptField | undefined
    if (missing !== undefined && fields.includes(missing)) without.add(missing)
    else if (status === 0) return { ...parseScript(stdout), without }
    else throw new Error(`${program} ${args.join(' ')} exits ${status}: ${stderr.trim()}`)
  }
}

const LOST = /PERF_RECORD_LOST(?:_SAMPLES)? .*?(\d+)\s*$/
const HEAD =
  /^\s*(.*?)\s+(-?\d+)\/(-?\d+)\s+(?:\[(\d+)\]\s+)?(?:(\d+)\.(\d{9}):\s+)?(?:(\d+)\s+)?(\S+):(?:\s+(\S.*?))?\s*$/
const FRAME = /^\s*([0-9a-f]+) (.+) \(((?:[^()]|\(deleted\))*)\)$/

/** Lines of `-F comm,pid,tid[,cpu][,time],event[,period],ip,sym,dso`. */
export function parseScript(text: string): Omit<Script, 'without'> {
  const samples: (ScriptSample & { frames: ScriptFrame[] })[] = []
  let lost = 0n
  let chains = false
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue
    const frame = frameOf(line)
    if (frame !== undefined) {
      samples.at(-1)?.frames.push(frame)
      chains = true
      continue
    }
    const dropped = LOST.exec(line)
    if (dropped !== null) {
      lost += BigInt(dropped[1] ?? 0)
      continue
    }
    const head = HEAD.exec(line)
    if (head === null) throw new Error(`not understood of perf script: ${line}`)
    const [, comm = '', pid, tid, cpu, seconds = '0', nanoseconds = '0', period, event = '', hit = ''] = head
    const leaf = frameOf(hit)
    samples.push({
      event,
      comm,
      pid: Number(pid),
      tid: Number(tid),
      cpu: Number(cpu ?? 0),
      time: BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds),
      period: BigInt(period ?? 0),
      frames: leaf === undefined ? [] : [leaf],
    })
  }
  return { samples, lost, chains }
}

function frameOf(line: string): ScriptFrame | undefined {
  const [, address, symbol = '', dso = ''] = FRAME.exec(line) ?? []
  return address === undefined ? undefined : { address: BigInt(`0x${address}`), symbol, dso }
}
