// Names the frames of a window, once, for every consumer.

import { orAborted } from '../base/or-aborted.ts'
import { inTurns } from '../base/turns.ts'
import { ADDRESS_SPACES, IMAGE_KINDS } from '../core/process.ts'
import type { ProfileBatch, StackTable } from '../core/profile.ts'
import type { SymbolPolicy } from '../core/symbol-policy.ts'
import type { FrameNames, Symbolizer } from '../core/symbolizer.ts'
import type {
  NativeAddon,
  NativeKernelFacts,
  NativeNameResult,
  NativeSymbols,
  NativeSymbolsOptions,
} from '../native/binding.ts'
import { answerAt } from './answers.ts'
import type { Debuginfod } from './debuginfod/debuginfod.ts'
import { openDebuginfod } from './debuginfod/open.ts'
import {
  type AddressGroup,
  type FrameGroups,
  groupFrames,
  type ImageGroup,
  processesOf,
  type RootOf,
} from './frame-groups.ts'
import { Identities } from './identities.ts'
import { addJavaScriptProblems } from './javascript-problems.ts'
import { JitNames } from './jit-names.ts'
import { KernelCode } from './kernel-code.ts'
import { type ImageNames, NameCache, type NamedAddress } from './name-cache.ts'
import { NamesBuilder } from './names-builder.ts'
import { functionsOf, type NamedFunction } from './naming.ts'
import { nativeSources } from './native-sources.ts'
import { Problems } from './problems.ts'
import { RecordedKernelNames } from './recorded-kernel.ts'
import { type ImageLines, type LineQuestion, openSourceLines, type SourceLines } from './source-lines.ts'
import { type ImageAccess, judgeImage, judgeKernel, type Trust, type Verdict } from './trust.ts'

export interface SymbolizerOptions {
  readonly addon: Pick<NativeAddon, 'openSymbols' | 'openLines' | 'openJitNames' | 'kernelFacts'>
  /** Longest wait for the files of one window. */
  readonly limitMs: () => number
  /** Bound of the symbol tables (native) and of the names kept between windows, each. */
  readonly maxCacheBytes: number
  readonly trust: Trust
  readonly policy: SymbolPolicy
}

/** A Symbolizer that holds caches until it is closed. */
export interface NativeSymbolizer extends Symbolizer {
  /** Reads what names the kernel's functions now rather than with the first of them: later it may not be permitted. */
  readKernelNames(): Promise<void>
  /** What stays without names, and why: one line for each module, said once, `/usr/bin/x: …`. */
  problems(): readonly string[]
  /** Bytes of all caches. */
  cacheBytes(): number
  /** Safe twice. */
  close(): void
}

export const createSymbolizer = (options: SymbolizerOptions): NativeSymbolizer => new AddonSymbolizer(options)

/** Frames of one image that may be named, and where the answers go. */
interface ImageQuestion {
  readonly group: ImageGroup
  readonly access: ImageAccess
  readonly answers: Map<bigint, NamedAddress | null>
  /** What the image is taken to be until the answer says what it is; '' where it was never seen. */
  readonly assumed: string
  /** Names of that, as the cache had them. */
  readonly known: ImageNames['byAddress']
  readonly missing: readonly bigint[]
}

class AddonSymbolizer implements NativeSymbolizer {
  readonly #options: SymbolizerOptions
  readonly #symbols: NativeSymbols
  readonly #lines: SourceLines | undefined
  readonly #debuginfod: Debuginfod | undefined
  readonly #cache: NameCache
  readonly #identities = new Identities()
  readonly #problems = new Problems()
  readonly #jit: JitNames
  readonly #recordedKernel: RecordedKernelNames
  /** The batches of a window have one stack table, and so one answer. */
  readonly #named = new WeakMap<StackTable, Promise<FrameNames>>()
  #facts: NativeKernelFacts | undefined
  /** Code that the kernel makes at run time may have come or gone since kallsyms was asked. */
  #codeChanged = false
  /** Numbers of those whose windows are being named. */
  readonly #sources = { open: new Set<number>(), hadAny: false }
  #closed = false

  constructor(options: SymbolizerOptions) {
    const policy = withServersFiles(options.policy)
    this.#options = { ...options, policy }
    this.#symbols = options.addon.openSymbols(nativeOptions(this.#options))
    this.#lines = policy.lines ? openSourceLines(this.#options, this.#problems) : undefined
    this.#debuginfod = openDebuginfod(policy.debuginfod, this.#problems)
    this.#cache = new NameCache(options.maxCacheBytes)
    this.#jit = new JitNames(options, this.#problems)
    this.#recordedKernel = new RecordedKernelNames({
      symbols: this.#symbols,
      recorded: policy.recorded,
      problems: this.#problems,
    })
  }

  async name(batch: ProfileBatch, signal: AbortSignal): Promise<FrameNames> {
    signal.throwIfAborted()
    const named = this.#named.get(batch.stacks) ?? this.#nameWindow(batch)
    this.#named.set(batch.stacks, named)
    return await orAborted(named, signal)
  }

  async readKernelNames(): Promise<void> {
    if (this.#options.policy.sources.includes('kallsyms')) {
      await this.#symbols.nameKernel(new BigUint64Array(0), 0n, false)
    }
  }

  problems(): readonly string[] {
    return this.#problems.lines()
  }

  cacheBytes(): number {
    if (this.#closed) return this.#cache.bytes
    const lines = this.#lines?.cacheBytes() ?? 0
    return this.#cache.bytes + this.#symbols.cacheBytes() + this.#jit.cacheBytes() + lines
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#symbols.close()
    this.#lines?.close()
    this.#jit.close()
    this.#debuginfod?.close()
  }

  async #nameWindow(batch: ProfileBatch): Promise<FrameNames> {
    const groups = await groupFrames(batch, await this.#rootsOf(batch))
    const names = await NamesBuilder.of(batch.stacks.frames)
    await addJavaScriptProblems(batch, this.#problems)
    const kernel = judgeKernel(batch, this.#options.trust, () => this.#kernelFacts())
    await Promise.all([
      this.#nameKernel(batch, groups.kernel, kernel, names),
      this.#nameImages(groups, kernel, names),
      this.#options.trust === 'live' ? this.#jit.name(batch, names) : undefined,
    ])
    return await names.build()
  }

  async #rootsOf(batch: ProfileBatch): Promise<RootOf> {
    if (this.#options.trust !== 'live') return () => ''
    const pids = processesOf(batch)
    const roots = pids.length === 0 ? [] : await this.#symbols.processRoots(pids)
    const byPid = new Map(pids.map((pid, index) => [pid, roots[index] ?? '']))
    return (pid) => byPid.get(pid) ?? ''
  }

  async #nameKernel(
    batch: ProfileBatch,
    group: AddressGroup,
    verdict: Verdict<{ readonly recordedText: bigint }>,
    names: NamesBuilder,
  ): Promise<void> {
    this.#codeChanged ||=
      this.#isNewcomer(batch) || batch.kernelSymbols.length > 0 || !batch.knowsKernelSymbols
    if (group.frames.length === 0 || !this.#options.policy.sources.includes('kallsyms')) return
    const code = new KernelCode(batch.kernelSymbols)
    const listed = await this.#listed(batch, group, verdict)
    for await (const [from, to] of inTurns(group.frames.length)) {
      for (let index = from; index < to; index++) {
        const made = code.at(group.addresses[index] ?? 0n)
        const known = listed(index)
        // Whoever came into its place is not it.
        const replaced = made && known && made.named.function !== known.named.function
        const named = made === undefined ? known : replaced ? null : made
        if (named !== null) names.set(group.frames[index] ?? -1, named)
      }
    }
  }

  /** Whether the batch is of the first window of a source that came after others: what happened before it, it does not tell. */
  #isNewcomer({ session: { source }, isLast }: ProfileBatch): boolean {
    const isNewcomer = this.#sources.hadAny && !this.#sources.open.has(source)
    this.#sources.hadAny = true
    this.#sources.open.add(source)
    if (isLast) this.#sources.open.delete(source)
    return isNewcomer
  }

  /** What is known of the kernel's own functions and its modules'. */
  async #listed(
    { session: { host } }: ProfileBatch,
    { addresses }: AddressGroup,
    verdict: Verdict<{ readonly recordedText: bigint }>,
  ): Promise<(index: number) => NamedAddress | null> {
    if (this.#options.trust !== 'live') {
      const answers = await this.#recordedKernel.name(addresses, host, verdict)
      return (index) => answers[index] ?? null
    }
    const changed = this.#codeChanged
    this.#codeChanged = false
    const result = await this.#symbols.nameKernel(BigUint64Array.from(addresses), 0n, changed)
    this.#problems.add('[kernel.kallsyms]', result.problem)
    this.#problems.add('[kernel.kallsyms]', result.note)
    const functions = functionsOf(result)
    return (index) => answerAt(result, functions, index)
  }

  async #nameImages({ images }: FrameGroups, kernel: Verdict<object>, names: NamesBuilder): Promise<void> {
    const deadline = performance.now() + this.#options.limitMs()
    const questions: ImageQuestion[] = []
    for await (const [index] of inTurns(images.length, 1)) {
      questions.push(...this.#questionOf(images[index] as ImageGroup, kernel))
    }
    const mistaken = await this.#ask(questions, deadline)
    await this.#ask(mistaken, deadline)
    const lines = await this.#lines?.linesOf(questions.map(lineQuestionOf), deadline)
    this.#askServers(questions, lines)
    for (const [index, question] of questions.entries()) await setNames(question, lines?.[index], names)
  }

  /** Fills in the answers. Returns the questions about images that turned out to be others than they were taken for. */
  async #ask(questions: readonly ImageQuestion[], deadline: number): Promise<readonly ImageQuestion[]> {
    if (questions.length === 0) return []
    const limitMs = Math.max(0, Math.round(deadline - performance.now()))
    const results = await this.#symbols.nameImages(questions.map(requestOf), limitMs)
    const mistaken: ImageQuestion[] = []
    for await (const [index] of inTurns(results.length, 1)) {
      const [question, result] = [questions[index], results[index]]
      if (question && result) mistaken.push(...this.#learn(question, result))
    }
    return mistaken
  }

  /** For the windows to come: this one does not wait. */
  #askServers(questions: readonly ImageQuestion[], lines: readonly ImageLines[] | undefined): void {
    const servers = this.#debuginfod
    if (servers === undefined) return
    questions.forEach(({ group, answers }, index) => {
      if (group.image.kind !== 'file') return
      servers.used([group.image.buildId])
      const lacks = lines?.[index]?.hasDwarf === false || [...answers.values()].includes(null)
      if (lacks) servers.want([group.image.buildId])
    })
  }

  /** What is to be asked of an image; nothing where it may not name the batch. */
  #questionOf(group: ImageGroup, kernel: Verdict<object>): readonly ImageQuestion[] {
    const verdict = judgeImage(group, this.#options.trust, kernel)
    if (verdict.allowed) {
      const answers = new Map<bigint, NamedAddress | null>()
      return [this.#assuming(this.#identities.of(group), { group, access: verdict, answers })]
    }
    this.#problems.add(group.image.path, verdict.reason)
    return []
  }

  #assuming(assumed: string, rest: Pick<ImageQuestion, 'group' | 'access' | 'answers'>): ImageQuestion {
    const { byAddress: known } = assumed === '' ? NOTHING : this.#namesOf(assumed, rest.group)
    const missing = [...new Set(rest.group.addresses)].filter((address) => !known.has(address))
    return { ...rest, assumed, known, missing }
  }

  #namesOf(identity: string, { space }: ImageGroup): ImageNames {
    return this.#cache.of(`${identity}/${space}`)
  }

  /** Takes an answer over. The question again, where it was answered for another content than assumed. */
  #learn(question: ImageQuestion, result: NativeNameResult): readonly ImageQuestion[] {
    const { group, assumed, missing } = question
    const { identity } = result
    this.#problems.add(group.image.path, result.note)
    if (identity === '') {
      if (missing.length > 0) this.#problems.add(group.image.path, result.problem)
      // It cannot be opened any more, as when its processes have ended: a build stays what it was.
      if (group.image.buildId !== '') recall(question)
      return []
    }
    this.#identities.learn(group, identity)
    if (assumed !== '' && assumed !== identity) return [this.#assuming(identity, question)]
    recall(question)
    this.#keep(question, result)
    return []
  }

  /** For this window and those to come. */
  #keep({ group, missing, answers }: ImageQuestion, result: NativeNameResult): void {
    const functions = functionsOf(result)
    const names = this.#namesOf(result.identity, group)
    missing.forEach((address, index) => {
      const answer = answerAt(result, functions, index)
      answers.set(address, answer)
      names.byAddress.set(address, answer)
    })
    this.#cache.grew(names, missing.length, functions.slice(1) as readonly NamedFunction[])
  }

  #kernelFacts(): NativeKernelFacts {
    this.#facts ??= this.#options.addon.kernelFacts()
    return this.#facts
  }
}

const NOTHING: Pick<ImageNames, 'byAddress'> = { byAddress: new Map() }

function recall({ group, answers, known }: ImageQuestion): void {
  for (const address of group.addresses) {
    const answer = known.get(address)
    if (answer !== undefined) answers.set(address, answer)
  }
}

async function setNames(
  { group, answers }: ImageQuestion,
  lines: ImageLines | undefined,
  names: NamesBuilder,
): Promise<void> {
  for await (const [from, to] of inTurns(group.frames.length)) {
    for (let index = from; index < to; index++) {
      const frame = group.frames[index] ?? -1
      const address = group.addresses[index] ?? 0n
      const chain = lines?.chains.get(address)
      const named = answers.get(address)
      if (chain !== undefined) names.setChain(frame, chain)
      else if (named) names.set(frame, named)
    }
  }
}

/** What servers gave is found as other debug files are. */
const withServersFiles = (policy: SymbolPolicy): SymbolPolicy => {
  const directory = policy.debuginfod?.cacheDirectory
  return directory === undefined
    ? policy
    : { ...policy, debugDirectories: [...policy.debugDirectories, directory] }
}

const nativeOptions = ({ maxCacheBytes, policy }: SymbolizerOptions): NativeSymbolsOptions => {
  const { kallsyms, vmlinux } = policy.recorded ?? {}
  return {
    maxCacheBytes,
    ...nativeSources(policy),
    ...(kallsyms !== undefined && { kallsyms }),
    ...(vmlinux !== undefined && { vmlinux }),
  }
}

const requestOf = ({ group, access, missing }: ImageQuestion) => nativeRequestOf(group, access, missing)

const lineQuestionOf = ({ group, access, answers }: ImageQuestion): LineQuestion => ({
  request: nativeRequestOf(group, access, [...answers.keys()]),
  names: answers,
})

const nativeRequestOf = (group: ImageGroup, access: ImageAccess, addresses: readonly bigint[]) => ({
  kind: IMAGE_KINDS.indexOf(group.image.kind),
  path: group.image.path,
  buildId: group.image.buildId,
  contentHash: access.contentHash,
  device: access.device,
  inode: access.inode,
  pids: access.pids,
  addresses: BigUint64Array.from(addresses),
  addressSpace: ADDRESS_SPACES.indexOf(group.space),
})
