// Names of the kernel's functions, its modules' and those of code that it made at run time.

import { inTurns } from '../base/turns.ts'
import type { HostInfo } from '../core/host.ts'
import type { ProfileBatch } from '../core/profile.ts'
import type { SymbolPolicy } from '../core/symbol-policy.ts'
import type { NativeSymbols } from '../native/binding.ts'
import { answerAt } from './answers.ts'
import type { AddressGroup } from './frame-groups.ts'
import { KernelCode } from './kernel-code.ts'
import type { NamedAddress } from './name-cache.ts'
import type { NamesBuilder } from './names-builder.ts'
import { functionsOf } from './naming.ts'
import type { Problems } from './problems.ts'
import { RecordedKernelNames } from './recorded-kernel.ts'
import type { Trust, Verdict } from './trust.ts'

export interface KernelNamesOptions {
  readonly symbols: Pick<NativeSymbols, 'nameKernel' | 'nameRecordedKernel'>
  readonly policy: Pick<SymbolPolicy, 'sources' | 'recorded'>
  readonly trust: Trust
  readonly problems: Problems
  /** Asks servers for the file of a build; whether it came. */
  readonly fetched: (buildId: string) => Promise<boolean>
}

type KernelVerdict = Verdict<{ readonly recordedText: bigint }>
type Answers = readonly (NamedAddress | null)[]

export class KernelNames {
  readonly #options: KernelNamesOptions
  readonly #recorded: RecordedKernelNames
  /** Code that the kernel makes at run time may have come or gone since kallsyms was asked. */
  #codeChanged = false
  /** Numbers of those whose windows are being named. */
  readonly #sources = { open: new Set<number>(), hadAny: false }

  constructor(options: KernelNamesOptions) {
    this.#options = options
    const { symbols, policy, problems } = options
    this.#recorded = new RecordedKernelNames({ symbols, recorded: policy.recorded, problems })
  }

  /** Reads kallsyms now rather than with the first frames: later it may not be permitted. */
  async read(): Promise<void> {
    if (this.#isWanted) await this.#options.symbols.nameKernel(new BigUint64Array(0), 0n, false)
  }

  /** @throws AgentError where what somebody named is not the recorded kernel's */
  async check(host: HostInfo): Promise<void> {
    await this.#recorded.check(host)
  }

  async name(
    batch: ProfileBatch,
    group: AddressGroup,
    verdict: KernelVerdict,
    names: NamesBuilder,
  ): Promise<void> {
    this.#codeChanged ||=
      this.#isNewcomer(batch) || batch.kernelSymbols.length > 0 || !batch.knowsKernelSymbols
    if (group.frames.length === 0 || !this.#isWanted) return
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
    verdict: KernelVerdict,
  ): Promise<(index: number) => NamedAddress | null> {
    if (this.#options.trust !== 'live') {
      const answers = await this.#recordedNames(addresses, host, verdict)
      return (index) => answers[index] ?? null
    }
    const changed = this.#codeChanged
    this.#codeChanged = false
    const result = await this.#options.symbols.nameKernel(BigUint64Array.from(addresses), 0n, changed)
    this.#options.problems.add('[kernel.kallsyms]', result.problem)
    this.#options.problems.add('[kernel.kallsyms]', result.note)
    const functions = functionsOf(result)
    return (index) => answerAt(result, functions, index)
  }

  async #recordedNames(
    addresses: readonly bigint[],
    host: HostInfo,
    verdict: KernelVerdict,
  ): Promise<Answers> {
    const names = () => this.#recorded.name(addresses, host, verdict)
    const isNamed = (some: typeof answers) => some.some((answer) => answer !== null)
    let answers = await names()
    const buildId = host.kernel?.buildId ?? ''
    if (!isNamed(answers) && buildId !== '') {
      if (await this.#options.fetched(buildId)) answers = await names()
    }
    if (!isNamed(answers)) this.#recorded.explain(host, verdict)
    return answers
  }

  get #isWanted(): boolean {
    return this.#options.policy.sources.includes('kallsyms')
  }
}
