// Names of code that processes made while they ran: as they tell it themselves, in jitdumps and perf-maps.

import { inTurns } from '../base/turns.ts'
import type { ProfileBatch, TimeRange } from '../core/profile.ts'
import type { SymbolPolicy, SymbolSource } from '../core/symbol-policy.ts'
import type { NativeAddon, NativeJitNames, NativeJitRequest, NativeJitResult } from '../native/binding.ts'
import { groupJitFrames, type JitFrame, type JitGroup } from './jit-groups.ts'
import type { NamesBuilder } from './names-builder.ts'
import { functionsOf } from './naming.ts'
import type { Problems } from './problems.ts'

/** In the order of JitRequest::Source in native/core/symbols/jit_request.h. */
const JIT_SOURCES = ['jitdump', 'perf_map'] as const satisfies readonly SymbolSource[]
type JitSource = (typeof JIT_SOURCES)[number]

export interface JitNamesOptions {
  readonly addon: Pick<NativeAddon, 'openJitNames'>
  /** Longest wait for the files of one window. */
  readonly limitMs: () => number
  /** Bound of what is kept of the files, for each source. */
  readonly maxCacheBytes: number
  readonly policy: Pick<SymbolPolicy, 'sources'>
}

/** One source of one process, and which of its frames it is asked about. */
interface Question {
  readonly group: JitGroup
  readonly source: JitSource
  readonly frames: readonly JitFrame[]
}

/** Sources run side by side are few; of more than that, the one that was asked about longest ago is read anew. */
const MAX_SOURCES = 16

/**
 * Names are not kept between windows: the same address is other code later. What lay where is followed from window to window,
 * so for each source by itself: the windows of another may be later already.
 */
export class JitNames {
  readonly #options: Pick<JitNamesOptions, 'addon' | 'maxCacheBytes'>
  /** By source; the one that was asked last stands last. */
  readonly #native = new Map<number, NativeJitNames>()
  readonly #limitMs: () => number
  readonly #sources: SymbolPolicy['sources']
  readonly #problems: Problems

  constructor({ addon, limitMs, maxCacheBytes, policy }: JitNamesOptions, problems: Problems) {
    this.#options = { addon, maxCacheBytes }
    this.#limitMs = limitMs
    this.#sources = policy.sources
    this.#problems = problems
  }

  /** Names what it can of a window that was taken here and now: these files say nothing of another time. */
  async name(batch: ProfileBatch, names: NamesBuilder): Promise<void> {
    const groups = await groupJitFrames(batch)
    const questions = groups.flatMap((group) => this.#questionsOf(group))
    if (questions.length > 0) await this.#ask(questions, batch, names)
    if (batch.isLast) this.#close(batch.session.source)
  }

  async #ask(
    questions: readonly Question[],
    { session, window }: ProfileBatch,
    names: NamesBuilder,
  ): Promise<void> {
    const requests: NativeJitRequest[] = []
    for (const question of questions) requests.push(await requestOf(question, window))
    const results = await this.#of(session.source).name(requests, this.#limitMs())
    const naming = { names, named: new Set<number>() }
    for (const [index, question] of questions.entries()) {
      const result = results[index]
      if (result === undefined) continue
      this.#problems.add(fileOf(question), result.problem)
      await setNames(question, result, naming)
    }
  }

  cacheBytes(): number {
    return [...this.#native.values()].reduce((sum, native) => sum + native.cacheBytes(), 0)
  }

  close(): void {
    for (const source of [...this.#native.keys()]) this.#close(source)
  }

  #of(source: number): NativeJitNames {
    const native =
      this.#native.get(source) ??
      this.#options.addon.openJitNames({ maxCacheBytes: this.#options.maxCacheBytes })
    this.#native.delete(source)
    this.#native.set(source, native)
    const [oldest] = this.#native.keys()
    if (this.#native.size > MAX_SOURCES && oldest !== undefined) this.#close(oldest)
    return native
  }

  #close(source: number): void {
    this.#native.get(source)?.close()
    this.#native.delete(source)
  }

  /** In the order of the policy: the first that knows a frame names it. What comes after `v8` is asked for what that left. */
  #questionsOf(group: JitGroup): readonly Question[] {
    const left = group.frames.filter(({ saidByStack }) => !saidByStack)
    const v8 = this.#sources.indexOf('v8')
    return this.#sources.flatMap((source, index) => {
      if (!isJitSource(source) || (source === 'jitdump' && group.marker === undefined)) return []
      const frames = index < v8 ? group.frames : left
      return frames.length === 0 ? [] : [{ group, source, frames }]
    })
  }
}

const isJitSource = (source: SymbolSource): source is JitSource =>
  JIT_SOURCES.some((known) => known === source)

const fileOf = ({ group, source }: Question): string =>
  source === 'jitdump' ? (group.marker?.path ?? '') : `perf-${group.pid}.map`

async function requestOf({ group, source, frames }: Question, window: TimeRange): Promise<NativeJitRequest> {
  const addresses = new BigUint64Array(frames.length)
  for await (const [from, to] of inTurns(frames.length)) {
    for (let index = from; index < to; index++) addresses[index] = frames[index]?.address ?? 0n
  }
  return {
    source: JIT_SOURCES.indexOf(source),
    pid: group.pid,
    addresses,
    windowStart: window.start,
    windowEnd: window.end,
    began: group.began,
    ended: group.ended,
    path: group.marker?.path ?? '',
    device: group.marker?.device ?? 0n,
    inode: group.marker?.inode ?? 0n,
  }
}

interface Naming {
  readonly names: NamesBuilder
  /** Frames that have a name; these keep it. */
  readonly named: Set<number>
}

async function setNames(
  { frames }: Question,
  result: NativeJitResult,
  { names, named }: Naming,
): Promise<void> {
  const functions = functionsOf(result)
  for await (const [from, to] of inTurns(frames.length)) {
    for (let index = from; index < to; index++) {
      const { frame } = frames[index] as JitFrame
      const known = functions[result.name[index] ?? 0]
      if (known === undefined || named.has(frame)) continue
      named.add(frame)
      const file = result.files[(result.file[index] ?? 0) - 1] ?? ''
      const place = { file, line: result.line[index] ?? 0, offset: result.offset[index] ?? 0 }
      names.setInstead(frame, [{ ...known, ...place }])
    }
  }
}
