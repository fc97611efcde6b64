// Names that somebody may have meant.

/** The candidates that differ from `word` by a slip of the finger or are begun by it, the nearest first; three at most. */
export function nearNames(word: string, candidates: readonly string[]): readonly string[] {
  const wanted = word.toLowerCase()
  return candidates
    .map((name) => ({ name, distance: distanceOf(wanted, name.toLowerCase()) }))
    .filter(({ distance }) => distance <= Math.max(1, Math.floor(wanted.length / 3)))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map(({ name }) => name)
}

/** ` (did you mean a or b?)`, or nothing. */
export function didYouMean(word: string, candidates: readonly string[]): string {
  const near = nearNames(word, candidates)
  return near.length === 0 ? '' : ` (did you mean ${near.join(' or ')}?)`
}

const distanceOf = (wanted: string, name: string): number =>
  wanted.length >= 3 && name.startsWith(wanted) ? 1 : editDistance(wanted, name)

/** Letters to insert, delete, replace or swap with their neighbour (optimal string alignment). */
function editDistance(from: string, to: string): number {
  let beforePrevious: readonly number[] = []
  let previous: readonly number[] = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (let i = 1; i <= from.length; i++) {
    const row = [i]
    for (let j = 1; j <= to.length; j++) {
      const replaced = (previous[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1)
      const swapped =
        from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]
          ? (beforePrevious[j - 2] ?? i) + 1
          : Number.POSITIVE_INFINITY
      row[j] = Math.min((previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, replaced, swapped)
    }
    beforePrevious = previous
    previous = row
  }
  return previous[to.length] ?? 0
}
