// Names the frames of a window, once, for every consumer.

import { ADDRESS_SPACES, IMAGE_KINDS } from '../core/process.ts'
import type { ProfileBatch, StackTable } from '../core/profile.ts'
import { SYMBOL_SOURCES, type SymbolPolicy } from '../core/symbol-policy.ts'
import type { FrameNames, Symbolizer } from '../core/symbolizer.ts'
import type {
  NativeAddon,
  NativeKernelFacts,
  NativeNameResult,
  NativeSymbols,
  NativeSymbolsOptions,
} from '../native/binding.ts'
import { type AddressGroup, type FrameGroups, groupFrames, type ImageGroup } from './frame-groups.ts'
import { KernelCode } from './kernel-code.ts'
import { NameCache, type NamedAddress } from './name-cache.ts'
import { NamesBuilder } from './names-builder.ts'
import { functionsOf, type NamedFunction } from './naming.ts'
import { Problems } from './problems.ts'
import { type ImageAccess, judgeImage, judgeKernel, type Trust, type Verdict } from './trust.ts'

export interface SymbolizerOptions {
  readonly addon: Pick<NativeAddon, 'openSymbols' | 'kernelFacts'>
  /** Longest wait for the files of one window. */
  readonly limitMs: number
  /** Bound of the symbol tables (native) and of the names kept between windows, each. */
  readonly maxCacheBytes: number
  readonly trust: Trust
  readonly policy: SymbolPolicy
}

/** A Symbolizer that holds caches until it is closed. */
export interface NativeSymbolizer extends Symbolizer {
  /** What stays without names, and why: one line for each module, said once, `/usr/bin/x: …`. */
  problems(): readonly string[]
  /** Bytes of all caches. */
  cacheBytes(): number
  /** Safe twice. */
  close(): void
}

export const createSymbolizer = (options: SymbolizerOptions): NativeSymbolizer => new AddonSymbolizer(options)

/** Addresses of one image that no earlier window named, and where the answers go. */
interface ImageQuestion {
  readonly group: ImageGroup
  readonly access: ImageAccess
  readonly missing: readonly bigint[]
  readonly answers: Map<bigint, NamedAddress | null>
}

class AddonSymbolizer implements NativeSymbolizer {
  readonly #options: SymbolizerOptions
  readonly #symbols: NativeSymbols
  readonly #cache: NameCache
  readonly #problems = new Problems()
  /** The batches of a window have one stack table, and so one answer. */
  readonly #named = new WeakMap<StackTable, Promise<FrameNames>>()
  #facts: NativeKernelFacts | undefined
  /** Code that the kernel makes at run time may have come or gone since kallsyms was asked. */
  #codeChanged = false
  #closed = false

  constructor(options: SymbolizerOptions) {
    this.#options = options
    this.#symbols = options.addon.openSymbols(nativeOptions(options))
    this.#cache = new NameCache(options.maxCacheBytes)
  }

  async name(batch: ProfileBatch, signal: AbortSignal): Promise<FrameNames> {
    signal.throwIfAborted()
    const named = this.#named.get(batch.stacks) ?? this.#nameWindow(batch)
    this.#named.set(batch.stacks, named)
    return await orAborted(named, signal)
  }

  problems(): readonly string[] {
    return this.#problems.lines()
  }

  cacheBytes(): number {
    return this.#cache.bytes + (this.#closed ? 0 : this.#symbols.cacheBytes())
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#symbols.close()
  }

  async #nameWindow(batch: ProfileBatch): Promise<FrameNames> {
    const groups = groupFrames(batch)
    const names = new NamesBuilder(batch.stacks.frames)
    const kernel = judgeKernel(batch, this.#options.trust, () => this.#kernelFacts())
    await Promise.all([
      this.#nameKernel(batch, groups.kernel, kernel, names),
      this.#nameImages(groups, kernel, names),
    ])
    return names.build()
  }

  async #nameKernel(
    batch: ProfileBatch,
    group: AddressGroup,
    verdict: Verdict<{ readonly recordedText: bigint }>,
    names: NamesBuilder,
  ): Promise<void> {
    this.#codeChanged ||= batch.kernelSymbols.length > 0 || !batch.knowsKernelSymbols
    if (group.frames.length === 0) return
    const code = new KernelCode(batch.kernelSymbols)
    const listed = await this.#kallsymsOf(group, verdict)
    group.frames.forEach((frame, index) => {
      const made = code.at(group.addresses[index] ?? 0n)
      const known = listed(index)
      // Whoever came into its place is not it.
      const replaced = made && known && made.named.function !== known.named.function
      const named = made === undefined ? known : replaced ? null : made
      if (named !== null) names.set(frame, named)
    })
  }

  /** What the running kernel's own list says of a group's addresses. */
  async #kallsymsOf(
    { addresses }: AddressGroup,
    verdict: Verdict<{ readonly recordedText: bigint }>,
  ): Promise<(index: number) => NamedAddress | null> {
    if (!verdict.allowed) {
      this.#problems.add('[kernel.kallsyms]', verdict.reason)
      return () => null
    }
    const changed = this.#codeChanged
    this.#codeChanged = false
    const wanted = BigUint64Array.from(addresses)
    const result = await this.#symbols.nameKernel(wanted, verdict.recordedText, changed)
    this.#problems.add('[kernel.kallsyms]', result.problem)
    const functions = functionsOf(result)
    return (index) => answerAt(result, functions, index)
  }

  async #nameImages({ images }: FrameGroups, kernel: Verdict<object>, names: NamesBuilder): Promise<void> {
    const questions = images.flatMap((group) => this.#questionOf(group, kernel))
    const open = questions.filter(({ missing }) => missing.length > 0)
    const results =
      open.length === 0 ? [] : await this.#symbols.nameImages(open.map(requestOf), this.#options.limitMs)
    open.forEach((question, index) => {
      const result = results[index]
      if (result !== undefined) this.#learn(question, result)
    })
    for (const { group, answers } of questions) {
      group.frames.forEach((frame, index) => {
        const named = answers.get(group.addresses[index] ?? 0n)
        if (named) names.set(frame, named)
      })
    }
  }

  /** What is to be asked of an image; nothing where it may not name the batch. */
  #questionOf(group: ImageGroup, kernel: Verdict<object>): readonly ImageQuestion[] {
    const verdict = judgeImage(group, this.#options.trust, kernel)
    if (!verdict.allowed) {
      this.#problems.add(group.image.path, verdict.reason)
      return []
    }
    const known = this.#knownOf(group)
    const answers = new Map<bigint, NamedAddress | null>()
    const missing: bigint[] = []
    for (const address of new Set(group.addresses)) {
      const answer = known?.byAddress.get(address)
      if (answer === undefined) missing.push(address)
      else answers.set(address, answer)
    }
    return [{ group, access: verdict, missing, answers }]
  }

  /** What earlier windows learned of an image that its build id tells from all others. */
  #knownOf({ image, space }: ImageGroup) {
    if (image.buildId === '') return undefined
    return this.#cache.of(`${image.buildId}\0${image.path}\0${space}`)
  }

  #learn({ group, missing, answers }: ImageQuestion, result: NativeNameResult): void {
    this.#problems.add(group.image.path, result.problem)
    this.#problems.add(group.image.path, result.note)
    const functions = functionsOf(result)
    missing.forEach((address, index) => {
      answers.set(address, answerAt(result, functions, index))
    })
    // A file that could not be read now may be readable in the next window.
    const known = result.problem === '' ? this.#knownOf(group) : undefined
    if (known === undefined) return
    for (const address of missing) known.byAddress.set(address, answers.get(address) ?? null)
    this.#cache.grew(known, missing.length, functions.slice(1) as readonly NamedFunction[])
  }

  #kernelFacts(): NativeKernelFacts {
    this.#facts ??= this.#options.addon.kernelFacts()
    return this.#facts
  }
}

const nativeOptions = ({ maxCacheBytes, policy }: SymbolizerOptions): NativeSymbolsOptions => ({
  maxCacheBytes,
  sources: policy.sources.map((source) => SYMBOL_SOURCES.indexOf(source)),
  debugDirectories: policy.debugDirectories,
})

const requestOf = ({ group, access, missing }: ImageQuestion) => ({
  kind: IMAGE_KINDS.indexOf(group.image.kind),
  path: group.image.path,
  buildId: group.image.buildId,
  device: access.device,
  inode: access.inode,
  pids: access.pids,
  addresses: BigUint64Array.from(missing),
  addressSpace: ADDRESS_SPACES.indexOf(group.space),
})

function answerAt(
  result: NativeNameResult,
  functions: readonly (NamedFunction | undefined)[],
  index: number,
): NamedAddress | null {
  const named = functions[result.name[index] ?? 0]
  return named === undefined ? null : { named, offset: result.offset[index] ?? 0 }
}

/** The promise's outcome, or a rejection as soon as the signal aborts. */
function orAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
