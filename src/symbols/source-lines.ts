// Source lines and inlined functions of a window's frames.

import { inTurns } from '../base/turns.ts'
import { messageOf } from '../core/errors.ts'
import type { SymbolPolicy } from '../core/symbol-policy.ts'
import type { FrameName } from '../core/symbolizer.ts'
import type {
  NativeAddon,
  NativeLineResult,
  NativeLineStats,
  NativeLines,
  NativeNameRequest,
} from '../native/binding.ts'
import { linesProgram } from '../native/load.ts'
import { type AddressLines, chainOf, type Place } from './inline-chain.ts'
import type { NamedAddress } from './name-cache.ts'
import { functionsOf } from './naming.ts'
import { nativeSources } from './native-sources.ts'
import type { Problems } from './problems.ts'

/** What one process that reads DWARF may take: 5,000 addresses all over a file of 371 MB take half of it. */
const MAX_CHILD_BYTES = 512 * 2 ** 20
const MAX_CHILD_SECONDS = 30

export interface SourceLinesOptions {
  readonly addon: Pick<NativeAddon, 'openLines'>
  readonly maxCacheBytes: number
  readonly policy: Pick<SymbolPolicy, 'sources' | 'debugDirectories' | 'recorded'>
  /** Path of sonde-lines; by default the one that was built with the addon. */
  readonly linesProgram?: string
}

/** Addresses of one image, and what the symbol table says of them. */
export interface LineQuestion {
  readonly request: NativeNameRequest
  readonly names: ReadonlyMap<bigint, NamedAddress | null>
}

/** What DWARF knows of an image's addresses. */
export interface ImageLines {
  /** Functions of each address that it knows more of, innermost first. */
  readonly chains: ReadonlyMap<bigint, readonly FrameName[]>
  /** False where the image is known to have none. */
  readonly hasDwarf: boolean
}

const NOTHING_KNOWN: ImageLines = { chains: new Map(), hasDwarf: true }

/** Undefined where there can be none; `problems` then says why. */
export function openSourceLines(options: SourceLinesOptions, problems: Problems): SourceLines | undefined {
  try {
    const lines = options.addon.openLines({
      program: options.linesProgram ?? linesProgram(),
      ...nativeSources(options.policy),
      maxCacheBytes: options.maxCacheBytes,
      maxChildBytes: MAX_CHILD_BYTES,
      maxChildSeconds: MAX_CHILD_SECONDS,
    })
    return new SourceLines(lines, problems)
  } catch (error) {
    problems.add('', messageOf(error))
    return undefined
  }
}

export class SourceLines {
  readonly #native: NativeLines
  readonly #problems: Problems

  constructor(native: NativeLines, problems: Problems) {
    this.#native = native
    this.#problems = problems
  }

  /** One answer per question. `deadline` is of performance.now(). */
  async linesOf(questions: readonly LineQuestion[], deadline: number): Promise<readonly ImageLines[]> {
    const limitMs = Math.max(0, Math.floor(deadline - performance.now()))
    const results =
      questions.length === 0
        ? []
        : await this.#native.findLines(
            questions.map(({ request }) => request),
            limitMs,
          )
    const lines: ImageLines[] = []
    for (const [index, question] of questions.entries()) {
      const result = results[index]
      this.#problems.add(question.request.path, result?.problem ?? '')
      lines.push(result === undefined ? NOTHING_KNOWN : await linesIn(question, result))
    }
    return lines
  }

  stats(): NativeLineStats {
    return this.#native.stats()
  }

  cacheBytes(): number {
    return this.#native.cacheBytes()
  }

  close(): void {
    this.#native.close()
  }
}

async function linesIn({ request, names }: LineQuestion, result: NativeLineResult): Promise<ImageLines> {
  const { addresses } = request
  const placeAt = placesOf(result)
  const chains = new Map<bigint, readonly FrameName[]>()
  for await (const [from, to] of inTurns(addresses.length)) {
    for (let index = from; index < to; index++) {
      const address = addresses[index] ?? 0n
      const chain = chainOf(names.get(address) ?? null, linesAt(result, index, placeAt))
      if (chain !== undefined) chains.set(address, chain)
    }
  }
  return { chains, hasDwarf: result.hasDwarf }
}

function placesOf(result: NativeLineResult): (index: number) => Place {
  const functions = functionsOf(result)
  return (index) => ({
    named: functions[result.function[index] ?? 0],
    file: result.files[(result.file[index] ?? 0) - 1] ?? '',
    line: result.line[index] ?? 0,
  })
}

function linesAt(
  { offsets, fromStart, fromEntry }: NativeLineResult,
  address: number,
  placeAt: (index: number) => Place,
): AddressLines {
  const from = offsets[address] ?? 0
  const count = (offsets[address + 1] ?? from) - from
  return {
    places: Array.from({ length: count }, (_, place) => placeAt(from + place)),
    fromStart: fromStart[address] ?? 0,
    fromEntry: fromEntry[address] ?? 0,
  }
}
