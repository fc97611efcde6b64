/**
 * Whether all of `text` is as `pattern` says: `*` is any text, `?` any one UTF-16 unit, everything else itself. Takes
 * time in proportion to the product of both lengths at most, whatever the text: it may be a stranger's.
 */
export function globMatches(pattern: string, text: string): boolean {
  let at = 0
  /** Where the newest `*` stands, and the first unit of the text that it does not cover yet. */
  let star = -1
  let covered = 0
  for (let read = 0; read < text.length; ) {
    if (pattern[at] === '*') {
      star = at++
      covered = read
    } else if (at < pattern.length && (pattern[at] === '?' || pattern[at] === text[read])) {
      at++
      read++
    } else if (star >= 0) {
      at = star + 1
      read = ++covered
    } else {
      return false
    }
  }
  while (pattern[at] === '*') at++
  return at === pattern.length
}
