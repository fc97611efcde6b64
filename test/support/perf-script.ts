// perf.data as `perf script` reads it.

import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
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
  /** Of a process that has executed a program in this recording: what it has mapped since. */
  readonly mapped?: MappedSince | undefined
}

/** The first `count` of them, lower bounds and upper ones. */
export interface MappedSince {
  readonly ranges: readonly (readonly [start: bigint, end: bigint])[]
  readonly count: number
}

export interface Script {
  readonly samples: readonly ScriptSample[]
  /** As perf report counts: where a file says in the end how many were lost in all, that. */
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
const SHOWN = [
  '--ns',
  '--no-inline',
  '--max-stack',
  MAX_STACK,
  '--show-lost-events',
  '--show-task-events',
  '--show-mmap-events',
]

/** @throws Error with perf's words where it cannot read the file */
export function perfScript(file: string, perf: Perf = MACHINES_PERF): Script {
  const without = new Set<ScriptField>()
  for (;;) {
    const fields = FIELDS.filter((field) => !without.has(field))
    const shown = fields.includes('ip') ? [...fields, 'sym', 'dso'] : fields
    const args = [...SHOWN, '-F', shown.join()]
    const { status, stdout, stderr } = script(perf, file, args)
    const missing = /Cannot print '(\w+)' field/.exec(stderr)?.[1] as ScriptField | undefined
    if (missing !== undefined && fields.includes(missing)) without.add(missing)
    else if (status === 0) {
      const { lostInRings, lostInAll, ...parsed } = parseScript(stdout)
      const inAll = lostInRings > 0n && lostInAll === 0n ? lossesSummedUp(file) : lostInAll
      return { ...parsed, lost: inAll > lostInRings ? inAll : lostInRings, without }
    } else throw new Error(`perf script -i ${file} ${args.join(' ')} exits ${status}: ${stderr.trim()}`)
  }
}

function script([program, ...words]: Perf, file: string, args: readonly string[]) {
  const options = {
    encoding: 'utf8',
    maxBuffer: 2 ** 30,
    timeout: LIMIT_MS,
    env: perfEnvironment(),
  } as const
  const told = spawnSync(program, [...words, 'script', '-i', file, ...args], options)
  if (told.error !== undefined) throw told.error
  return told
}

const LOST_SAMPLES = 13

/**
 * perf since 6.1 writes LOST_SAMPLES, of which perf script does not always say how many (6.1 and 7.2 do not). They stand in the file as they
 * are, also where others are compressed; a pipe's are not looked for.
 */
function lossesSummedUp(file: string): bigint {
  const bytes = readFileSync(file)
  if (bytes.readBigUInt64LE(8) < 104n) return 0n
  let at = Number(bytes.readBigUInt64LE(40))
  const end = at + Number(bytes.readBigUInt64LE(48))
  let sum = 0n
  while (at < end) {
    const size = bytes.readUInt16LE(at + 6)
    if (size < 8) throw new Error(`${file}: a record of ${size} bytes at ${at}`)
    if (bytes.readUInt32LE(at) === LOST_SAMPLES) sum += bytes.readBigUInt64LE(at + 8)
    at += size
  }
  return sum
}

const LOST = /PERF_RECORD_LOST(_SAMPLES)? .*?(\d+)\s*$/
const OTHER_RECORD = / PERF_RECORD_[A-Z]/
const HEAD =
  /^\s*(.*?)\s+(-?\d+)\/(-?\d+)\s+(?:\[(\d+)\]\s+)?(?:(\d+)\.(\d{9}):\s+)?(?:(\d+)\s+)?(\S+):(?:\s+(\S.*?))?\s*$/
const FRAME = /^\s*([0-9a-f]+) (.+) \(((?:[^()]|\(deleted\))*)\)$/

interface Parsed extends Omit<Script, 'without' | 'lost'> {
  /** LOST: what the rings told, each time. */
  readonly lostInRings: bigint
  /** LOST_SAMPLES: what perf since 6.1 sums up in the end, with what the rings had no more room to tell. */
  readonly lostInAll: bigint
}

/** Lines of `-F comm,pid,tid[,cpu][,time],event[,period],ip,sym,dso`. */
function parseScript(text: string): Parsed {
  const samples: (ScriptSample & { frames: ScriptFrame[] })[] = []
  let lostInRings = 0n
  let lostInAll = 0n
  let chains = false
  const executed = new Executed()
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
      const [, inAll, count = '0'] = dropped
      if (inAll === undefined) lostInRings += BigInt(count)
      else lostInAll += BigInt(count)
      continue
    }
    if (OTHER_RECORD.test(line)) {
      executed.take(line)
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
      mapped: executed.mappedBy(pid),
    })
  }
  return { samples, lostInRings, lostInAll, chains }
}

function frameOf(line: string): ScriptFrame | undefined {
  const [, address, symbol = '', dso = ''] = FRAME.exec(line) ?? []
  return address === undefined ? undefined : { address: BigInt(`0x${address}`), symbol, dso }
}

const EXEC = /PERF_RECORD_COMM exec: .*:(\d+)\/\d+\s*$/
const FORK = /PERF_RECORD_FORK\((\d+):\d+\):\((\d+):/
const MMAP = /PERF_RECORD_MMAP2? (\d+)\/-?\d+: \[(0x[0-9a-f]+)\((0x[0-9a-f]+)\)/

/** What processes map after they have executed a program, from the lines that say so. */
class Executed {
  readonly #ranges = new Map<string, [bigint, bigint][]>()

  take(line: string): void {
    const [, executing] = EXEC.exec(line) ?? []
    if (executing !== undefined) this.#ranges.set(executing, [])
    const [, child, parent] = FORK.exec(line) ?? []
    if (child !== undefined && parent !== undefined && child !== parent) this.#fork(child, parent)
    const [, pid = '', start = 0, bytes = 0] = MMAP.exec(line) ?? []
    this.#ranges.get(pid)?.push([BigInt(start), BigInt(start) + BigInt(bytes)])
  }

  mappedBy(pid: string | undefined): MappedSince | undefined {
    const ranges = this.#ranges.get(pid ?? '')
    return ranges && { ranges, count: ranges.length }
  }

  #fork(child: string, parent: string): void {
    const ranges = this.#ranges.get(parent)
    if (ranges === undefined) this.#ranges.delete(child)
    else this.#ranges.set(child, [...ranges])
  }
}
