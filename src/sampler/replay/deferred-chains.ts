// Call chains of which the kernel took the user's part later, when the thread went back to user space.

import type { DeferredChainRecord, SampleRecord } from '../../formats/perf-data/file-records.ts'
import { CONTEXT } from '../../formats/perf-data/layout.ts'

/** Threads that are in the kernel at once, and chains that come from another CPU's ring before their samples. */
const MAX_WAITING = 65_536

/** Joins what belongs together in either order, as both are read: before the samples are passed on. */
export class DeferredChains {
  /** Samples that wait for their user part, by thread and cookie. */
  readonly #samples = new Map<string, SampleRecord[]>()
  readonly #chains = new Map<string, BigUint64Array>()
  #forgotten = 0

  /** Samples whose user part has not come. */
  get missing(): number {
    let waiting = this.#forgotten
    for (const records of this.#samples.values()) waiting += records.length
    return waiting
  }

  sample(record: SampleRecord): void {
    const { chain, tid } = record.fields
    const place = chain.length - 2
    if (place < 0 || chain[place] !== CONTEXT.USER_DEFERRED) return
    const key = keyOf(tid, chain[place + 1] ?? 0n)
    record.fields.chain = chain.subarray(0, place)
    const known = this.#chains.get(key)
    if (known !== undefined) append(record, known)
    else this.#wait(key, record)
  }

  chain({ tid, cookie, chain }: DeferredChainRecord): void {
    const key = keyOf(tid, cookie)
    const user = (chain[0] ?? 0n) >= CONTEXT.FIRST ? chain : BigUint64Array.of(CONTEXT.USER, ...chain)
    for (const record of this.#samples.get(key) ?? []) append(record, user)
    this.#samples.delete(key)
    this.#chains.set(key, user)
    oldestBeyondBound(this.#chains)
  }

  #wait(key: string, record: SampleRecord): void {
    const waiting = this.#samples.get(key)
    if (waiting === undefined) this.#samples.set(key, [record])
    else waiting.push(record)
    this.#forgotten += oldestBeyondBound(this.#samples)?.length ?? 0
  }
}

const keyOf = (tid: number, cookie: bigint): string => `${tid}/${cookie}`

function append({ fields }: SampleRecord, user: BigUint64Array): void {
  const whole = new BigUint64Array(fields.chain.length + user.length)
  whole.set(fields.chain)
  whole.set(user, fields.chain.length)
  fields.chain = whole
}

/** Takes out the oldest where there are too many. */
function oldestBeyondBound<Value>(map: Map<string, Value>): Value | undefined {
  if (map.size <= MAX_WAITING) return undefined
  for (const [key, value] of map) {
    map.delete(key)
    return value
  }
  return undefined
}
