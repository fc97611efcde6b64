// Datadog's tags: `key:value`, as many as one likes, in one text.

export type Tag = readonly [key: string, value: string]

/** Of a tag, its key and colon included; Datadog cuts what is longer. */
const MAX_CHARACTERS = 200

/** `k:v,k:v`, or separated by spaces where there is no comma. What has no colon, no key or no value is left out. */
export function parseTags(text: string): Tag[] {
  return text.split(text.includes(',') ? ',' : /\s+/).flatMap((entry): Tag[] => {
    const colon = entry.indexOf(':')
    const tag: Tag = [entry.slice(0, Math.max(colon, 0)).trim(), entry.slice(colon + 1).trim()]
    return tag[0] === '' || tag[1] === '' ? [] : [tag]
  })
}

/**
 * The tags of several sources: what an earlier one says of a key is what counts. Within a source a key may occur more than
 * once. A tag without a value is none.
 */
export function mergedTags(...sources: readonly (readonly Tag[])[]): Tag[] {
  const taken = new Set<string>()
  return sources.flatMap((source) => {
    const tags = source.filter(([key, value]) => value !== '' && !taken.has(key))
    for (const [key] of tags) taken.add(key)
    return tags
  })
}

/** What tells tags apart, and what Datadog would make an underscore of, is one in keys and values. */
export const tagText = (tags: readonly Tag[]): string =>
  tags.map(([key, value]) => shortened(`${cleaned(key).replaceAll(':', '_')}:${cleaned(value)}`)).join(',')

const cleaned = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Z},]+/gu, '_')

/** Never half a character. */
const shortened = (text: string): string =>
  text.length <= MAX_CHARACTERS ? text : [...text].slice(0, MAX_CHARACTERS).join('')
