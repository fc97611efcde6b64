// Names the frames of a window, once, for every consumer.

import { orAborted } from '../base/or-aborted.ts'
import { settledWithin } from '../base/settled-within.ts'
import { inTurns } from '../base/turns.ts'
import { messageOf } from '../core/errors.ts'
import type { HostInfo } from '../core/host.ts'
import { ADDRESS_SPACES, IMAGE_KINDS } from '../core/process.ts'
import type { ProfileBatch, StackTable } from '../core/profile.ts'
import type { SymbolPolicy } from '../core/symbol-policy.ts'
import type { FrameNames, Symbolizer } from '../core/symbolizer.ts'
import { milliseconds } from '../core/units.ts'
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
import { type FrameGroups, groupFrames, type ImageGroup, processesOf, type RootOf } from './frame-groups.ts'
import { Identities } from './identities.ts'
import { addJavaScriptProblems } from './javascript-problems.ts'
import { JitNames } from './jit-names.ts'
import { KernelNames } from './kernel-names.ts'
import { type ImageNames, NameCache, type NamedAddress } from './name-cache.ts'
import { NamesBuilder } from './names-builder.ts'
import { functionsOf, type NamedFunction } from './naming.ts'
import { nativeSources } from './native-sources.ts'
import { Problems } from './problems.ts'
import { type ImageLines, type LineQuestion, openSourceLines, type SourceLines } from './source-lines.ts'
import {
  type ImageAccess,
  inodesSeenHere,
  judgeImage,
  judgeKernel,
  type RecordingPlace,
  type Trust,
} from './trust.ts'

export interface SymbolizerOptions {
  readonly addon: Pick<NativeAddon, 'openSymbols' | 'openLines' | 'openJitNames' | 'kernelFacts'>
  /** Longest wait for the files of one window. */
  readonly limitMs: () => number
  /** Bound of the symbol tables (native) and of the names kept between windows, each. */
  readonly maxCacheBytes: number
  readonly trust: Trust
  readonly policy: SymbolPolicy
  /** Of a recording that is a file here. */
  readonly place?: RecordingPlace | undefined
}

/** A Symbolizer that holds caches until it is closed. */
export interface NativeSymbolizer extends Symbolizer {
  /** Reads what names the kernel's functions now rather than with the first of them: later it may not be permitted. */
  readKernelNames(): Promise<void>
  /**
   * Of a recording: whether the files that somebody named are its kernel's.
   * @throws AgentError where one is not
   */
  checkNamedKernel(host: HostInfo): Promise<void>
  /** What stays without names, and why: one line for each module, said once, `/usr/bin/x: …`. */
  problems(): readonly string[]
  /** Bytes of all caches. */
  cacheBytes(): number
  /** Safe twice. */
  close(): void
}

export const createSymbolizer = (options: SymbolizerOptions): NativeSymbolizer => new AddonSymbolizer(options)

type KnownOfBatch = Parameters<typeof judgeImage>[2]

/** Frames of one image that may be named, and where the answers go. */
interface ImageQuestion {
  readonly group: ImageGroup
  readonly access: ImageAccess
  readonly answers: Map<bigint, NamedAddress | null>
  /** Why it could not be opened. */
  readonly refusals: Set<string>
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
  readonly #kernel: KernelNames
  /** The batches of a window have one stack table, and so one answer. */
  readonly #named = new WeakMap<StackTable, Promise<FrameNames>>()
  #facts: NativeKernelFacts | undefined
  #closed = false

  constructor(options: SymbolizerOptions) {
    const policy = withServersFiles(options.policy)
    this.#options = { ...options, policy }
    this.#symbols = options.addon.openSymbols(nativeOptions(this.#options))
    this.#lines = policy.lines ? openSourceLines(this.#options, this.#problems) : undefined
    this.#debuginfod = openDebuginfod(policy.debuginfod, this.#problems)
    this.#cache = new NameCache(options.maxCacheBytes)
    this.#jit = new JitNames(options, this.#problems)
    this.#kernel = new KernelNames({
      symbols: this.#symbols,
      policy,
      trust: options.trust,
      problems: this.#problems,
      fetched: (buildId) =>
        this.#wasServed(() => this.#debuginfod?.want([buildId]), performance.now() + options.limitMs()),
    })
  }

  async name(batch: ProfileBatch, signal: AbortSignal): Promise<FrameNames> {
    signal.throwIfAborted()
    const named = this.#named.get(batch.stacks) ?? this.#nameWindow(batch)
    this.#named.set(batch.stacks, named)
    return await orAborted(named, signal)
  }

  async readKernelNames(): Promise<void> {
    await this.#kernel.read()
  }

  async checkNamedKernel(host: HostInfo): Promise<void> {
    await this.#kernel.check(host)
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
      this.#kernel.name(batch, groups.kernel, kernel, names),
      this.#nameImages(
        groups,
        { kernel, seenHere: inodesSeenHere(batch.session.host, this.#options.place) },
        names,
      ),
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

  async #nameImages({ images }: FrameGroups, known: KnownOfBatch, names: NamesBuilder): Promise<void> {
    const deadline = performance.now() + this.#options.limitMs()
    const questions: ImageQuestion[] = []
    for await (const [index] of inTurns(images.length, 1)) {
      questions.push(...this.#questionOf(images[index] as ImageGroup, known))
    }
    let lines = await this.#answer(questions, deadline)
    if (await this.#wasServed(() => this.#askServers(questions, lines), deadline)) {
      for (const { refusals } of questions) refusals.clear()
      const again = questions.map((question) => this.#assuming(this.#identities.of(question.group), question))
      lines = await this.#answer(again, deadline)
    }
    for (const [index, question] of questions.entries()) {
      for (const refusal of question.refusals) this.#problems.add(question.group.image.path, refusal)
      await setNames(question, lines?.[index], names)
    }
  }

  /** Fills in what is known of the addresses. Returns their lines, where lines are wanted. */
  async #answer(
    questions: readonly ImageQuestion[],
    deadline: number,
  ): Promise<readonly ImageLines[] | undefined> {
    const mistaken = await this.#ask(questions, deadline)
    await this.#ask(mistaken, deadline)
    return await this.#lines?.linesOf(questions.map(lineQuestionOf), deadline)
  }

  /**
   * Whether servers gave something of what `ask` asked for. A recording waits for it; of a machine that goes on it is for the
   * windows to come.
   */
  async #wasServed(ask: () => void, deadline: number): Promise<boolean> {
    const servers = this.#debuginfod
    if (servers === undefined) return false
    const { received } = servers.stats()
    ask()
    if (this.#options.trust === 'live') return false
    const left = milliseconds(Math.max(0, deadline - performance.now() - AFTER_SERVERS_MS))
    await settledWithin(servers.idle(), left, 'servers did not answer in time').catch((error: unknown) =>
      this.#problems.add('debuginfod', messageOf(error)),
    )
    return servers.stats().received > received
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

  #askServers(questions: readonly ImageQuestion[], lines: readonly ImageLines[] | undefined): void {
    const servers = this.#debuginfod
    if (servers === undefined) return
    questions.forEach(({ group, answers }, index) => {
      if (group.image.kind !== 'file') return
      servers.used([group.image.buildId])
      const isLacking = answers.size === 0 && this.#options.trust !== 'live'
      const lacks = lines?.[index]?.hasDwarf === false || [...answers.values()].includes(null)
      if (isLacking) servers.want([group.image.buildId], 'executable')
      if (lacks || isLacking) servers.want([group.image.buildId])
    })
  }

  /** What is to be asked of an image; nothing where it may not name the batch. */
  #questionOf(group: ImageGroup, known: KnownOfBatch): readonly ImageQuestion[] {
    const verdict = judgeImage(group, this.#options.trust, known)
    if (verdict.allowed) {
      const answers = new Map<bigint, NamedAddress | null>()
      const question = { group, access: verdict, answers, refusals: new Set<string>() }
      return [this.#assuming(this.#identities.of(group), question)]
    }
    this.#problems.add(group.image.path, verdict.reason)
    return []
  }

  #assuming(
    assumed: string,
    rest: Pick<ImageQuestion, 'group' | 'access' | 'answers' | 'refusals'>,
  ): ImageQuestion {
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
      if (missing.length > 0) question.refusals.add(result.problem)
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

/** For reading what they gave. */
const AFTER_SERVERS_MS = 5_000

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
  ...(access.seenHere !== undefined && { seenHere: access.seenHere }),
  device: access.device,
  inode: access.inode,
  pids: access.pids,
  addresses: BigUint64Array.from(addresses),
  addressSpace: ADDRESS_SPACES.indexOf(group.space),
})
