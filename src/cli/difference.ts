// Two profiles of one event side by side, as shares: they may be of different lengths.

import type { FunctionLabel } from '../core/frame-label.ts'
import type { ComparedStack, Pair } from '../formats/flame-graph/difference.ts'
import { type ProfileTable, type Row, rowKey, type SampleGroup } from './profile-table.ts'

export interface ComparedRow {
  readonly labels: readonly FunctionLabel[]
  /** Shares of what ends here, and of what it is part of. */
  readonly self: Pair
  readonly total: Pair
}

export const growthOf = ([before, after]: Pair): number => after - before

/** Those first that have changed most. */
export function differenceOf(before: ProfileTable, after: ProfileTable): readonly ComparedRow[] {
  const rows = new Map<string, [Row | undefined, Row | undefined]>()
  for (const row of before.rows()) rows.set(rowKey(row.labels), [row, undefined])
  for (const row of after.rows()) rows.set(rowKey(row.labels), [rows.get(rowKey(row.labels))?.[0], row])
  const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole)
  return [...rows.values()]
    .map(([one, other]) => ({
      labels: (other ?? one)?.labels ?? [],
      self: [share(one?.self ?? 0, before.weight), share(other?.self ?? 0, after.weight)] as const,
      total: [share(one?.total ?? 0, before.weight), share(other?.total ?? 0, after.weight)] as const,
    }))
    .sort(
      (a, b) =>
        changeOf(b.self) - changeOf(a.self) ||
        changeOf(b.total) - changeOf(a.total) ||
        b.self[1] - a.self[1] ||
        b.total[1] - a.total[1],
    )
}

const changeOf = (pair: Pair): number => Math.abs(growthOf(pair))

/** Whole stacks of both, for what draws them. */
export class ComparedStacks {
  readonly #stacks = new Map<
    string,
    { labels: ComparedStack['labels']; samples: number[]; weights: number[] }
  >()

  /** @param side 0 before, 1 after */
  add(side: 0 | 1, { comm, frames, samples, weight }: SampleGroup): void {
    const key = rowKey([{ name: comm, module: '' }, ...frames])
    const known = this.#stacks.get(key) ?? {
      labels: labelsOf(comm, frames),
      samples: [0, 0],
      weights: [0, 0],
    }
    this.#stacks.set(key, known)
    known.samples[side]! += samples
    known.weights[side]! += weight
  }

  all(): readonly ComparedStack[] {
    return [...this.#stacks.values()].map(({ labels, samples, weights }) => ({
      labels,
      samples: [samples[0]!, samples[1]!],
      weights: [weights[0]!, weights[1]!],
    }))
  }
}

const labelsOf = (comm: string, frames: readonly FunctionLabel[]): ComparedStack['labels'] => [
  { text: comm || '[unknown]', module: '', kind: 'thread' },
  ...frames.toReversed().map(({ name, module }) => ({ text: name, module, kind: 'user' as const })),
]
