// Names of a recording's kernel: from this machine's own where it is the same, from files otherwise.

import type { HostInfo } from '../core/host.ts'
import type { RecordedNames } from '../core/symbol-policy.ts'
import type { NativeRecordedKernel, NativeSymbols } from '../native/binding.ts'
import { answersOf } from './answers.ts'
import type { NamedAddress } from './name-cache.ts'
import type { Problems } from './problems.ts'
import type { Verdict } from './trust.ts'

const MODULE = '[kernel.kallsyms]'
const WHAT_HELPS = 'name it by --kallsyms FILE (a copy of its /proc/kallsyms) or --vmlinux FILE'

type Addresses = readonly bigint[]
type Answers = readonly (NamedAddress | null)[]

export interface RecordedKernelOptions {
  readonly symbols: Pick<NativeSymbols, 'nameKernel' | 'nameRecordedKernel'>
  readonly recorded: RecordedNames | undefined
  readonly problems: Problems
}

export class RecordedKernelNames {
  readonly #options: RecordedKernelOptions

  constructor(options: RecordedKernelOptions) {
    this.#options = options
  }

  /** What somebody named comes first, then the running kernel, then what is found by build id. */
  async name(
    addresses: Addresses,
    host: HostInfo,
    verdict: Verdict<{ readonly recordedText: bigint }>,
  ): Promise<Answers> {
    const { recorded, problems } = this.#options
    const byFiles = (wanted: Addresses) => this.#byFiles(wanted, host)
    const byThisKernel = async (wanted: Addresses) =>
      verdict.allowed ? await this.#byThisKernel(wanted, verdict.recordedText) : []
    const isNamed = recorded?.kallsyms !== undefined || recorded?.vmlinux !== undefined
    const answers = await firstOf(addresses, isNamed ? [byFiles, byThisKernel] : [byThisKernel, byFiles])
    if (!verdict.allowed && answers.every((answer) => answer === null)) {
      problems.add(MODULE, host.kernel === undefined ? verdict.reason : `${verdict.reason}: ${WHAT_HELPS}`)
    }
    return answers
  }

  async #byThisKernel(addresses: Addresses, recordedText: bigint): Promise<Answers> {
    const { symbols, problems } = this.#options
    const result = await symbols.nameKernel(BigUint64Array.from(addresses), recordedText, false)
    problems.add(MODULE, result.problem)
    problems.add(MODULE, result.note)
    return answersOf(result)
  }

  async #byFiles(addresses: Addresses, host: HostInfo): Promise<Answers> {
    const { symbols, problems } = this.#options
    if (host.kernel === undefined) return []
    const result = await symbols.nameRecordedKernel(
      nativeKernelOf(host, host.kernel),
      BigUint64Array.from(addresses),
    )
    problems.add(MODULE, result.problem)
    problems.add(MODULE, result.note)
    return answersOf(result)
  }
}

/** Of each address the answer of the first source that has one; an answer that is missing is none. */
async function firstOf(
  addresses: Addresses,
  sources: readonly ((wanted: Addresses) => Promise<Answers>)[],
): Promise<Answers> {
  const answers: (NamedAddress | null)[] = addresses.map(() => null)
  for (const source of sources) {
    const missing = answers.flatMap((answer, index) => (answer === null ? [index] : []))
    if (missing.length === 0) break
    const found = await source(missing.map((index) => addresses[index] ?? 0n))
    missing.forEach((index, place) => (answers[index] = found[place] ?? null))
  }
  return answers
}

const nativeKernelOf = (
  { osRelease }: HostInfo,
  { buildId, text, textEnd, modules }: NonNullable<HostInfo['kernel']>,
): NativeRecordedKernel => ({
  buildId,
  release: osRelease,
  text,
  textEnd,
  modules: modules.map(({ name, start, size, path = '', buildId: id = '' }) => ({
    name,
    path,
    start,
    size,
    buildId: id,
  })),
})
