// What the specification, profcheck and Parca ask of a request's tables, and shapes that they reject.

import type { RawDictionary, RawRequest } from './otlp-reader.ts'

/** A sentence for each thing that is wrong. */
export function conformanceProblems(request: RawRequest): string[] {
  const { dictionary } = request
  const tables = Object.entries(tablesOf(dictionary))
  return [
    ...tables.flatMap(([name, rows]) => (isZero(rows[0]) ? [] : [`${name}[0] is not the zero value`])),
    ...tables.flatMap(([name, rows]) => duplicatesOf(name, rows)),
    ...orphansOf(request),
    ...shapesOf(request),
  ]
}

const tablesOf = (dictionary: RawDictionary): Readonly<Record<keyof RawDictionary, readonly unknown[]>> =>
  dictionary

function isZero(row: unknown): boolean {
  if (row === undefined) return false
  if (row === null || row === '' || row === 0 || row === '0') return true
  if (row instanceof Uint8Array || Array.isArray(row)) return row.length === 0
  return typeof row === 'object' && Object.values(row).every(isZero)
}

const keyOf = (row: unknown): string =>
  JSON.stringify(row, (name, value: unknown) =>
    name === 'attribute_indices' && Array.isArray(value) ? [...value].sort() : value,
  )

function duplicatesOf(table: string, rows: readonly unknown[]): string[] {
  const seen = new Set<string>()
  return rows.flatMap((row, index) => {
    const key = keyOf(row)
    if (seen.has(key)) return [`${table}[${index}] stands there twice: ${key}`]
    seen.add(key)
    return []
  })
}

/** Index 0 is referred to by being the zero value. */
class References {
  readonly #used = new Map<string, Set<number>>()

  add(table: keyof RawDictionary, index: number): void {
    this.#used.set(table, (this.#used.get(table) ?? new Set()).add(index))
  }

  problems(dictionary: RawDictionary): string[] {
    return Object.entries(tablesOf(dictionary)).flatMap(([table, rows]) => {
      const used = this.#used.get(table) ?? new Set()
      const orphans = rows.flatMap((_, index) =>
        index === 0 || used.has(index) ? [] : [`${table}[${index}] is an orphan`],
      )
      const beyond = [...used].filter((index) => index >= rows.length)
      return [...orphans, ...beyond.map((index) => `${table}[${index}] is referred to and not there`)]
    })
  }
}

function orphansOf({ resource_profiles, dictionary }: RawRequest): string[] {
  const used = new References()
  const text = (index: number): void => used.add('string_table', index)
  const attributes = (indices: readonly number[]): void => {
    for (const index of indices) used.add('attribute_table', index)
  }
  for (const profile of resource_profiles.flatMap(({ scope_profiles }) =>
    scope_profiles.flatMap((s) => s.profiles),
  )) {
    for (const type of [profile.sample_type, profile.period_type]) {
      if (type !== null) [type.type_strindex, type.unit_strindex].forEach(text)
    }
    for (const sample of profile.samples) {
      used.add('stack_table', sample.stack_index)
      used.add('link_table', sample.link_index)
      attributes(sample.attribute_indices)
    }
  }
  for (const { location_indices } of dictionary.stack_table)
    for (const index of location_indices) used.add('location_table', index)
  for (const location of dictionary.location_table) {
    used.add('mapping_table', location.mapping_index)
    attributes(location.attribute_indices)
    for (const { function_index } of location.lines) used.add('function_table', function_index)
  }
  for (const mapping of dictionary.mapping_table) {
    text(mapping.filename_strindex)
    attributes(mapping.attribute_indices)
  }
  for (const row of dictionary.function_table)
    [row.name_strindex, row.system_name_strindex, row.filename_strindex].forEach(text)
  for (const row of dictionary.attribute_table) [row.key_strindex, row.unit_strindex].forEach(text)
  return used.problems(dictionary)
}

function shapesOf({ resource_profiles }: RawRequest): string[] {
  return resource_profiles.flatMap(({ scope_profiles }, resource) => {
    if (scope_profiles.length === 0) return [`resource_profiles[${resource}] has no scope_profiles`]
    return scope_profiles.flatMap(({ profiles }) =>
      profiles.flatMap((profile, index) => {
        const where = `resource_profiles[${resource}].profiles[${index}]`
        const identities = new Set<string>()
        const shapes = new Set<string>()
        const begin = BigInt(profile.time_unix_nano)
        const end = begin + BigInt(profile.duration_nano)
        const problems = profile.samples.flatMap((sample) => {
          const { values, timestamps_unix_nano: times } = sample
          shapes.add(`${values.length > 0}/${times.length > 0}`)
          const identity = `${sample.stack_index}/${[...sample.attribute_indices].sort().join()}`
          const twice = identities.has(identity) ? [`${where}: sample ${identity} stands there twice`] : []
          identities.add(identity)
          return [
            ...twice,
            ...(values.length === 0 && times.length === 0 ? [`${where}: a sample without a weight`] : []),
            ...(times.length === 0 && values.length !== 1 ? [`${where}: ${values.length} values`] : []),
            ...(times.length > 0 && values.length > 0 && times.length !== values.length
              ? [`${where}: uneven`]
              : []),
            ...times
              .filter((t) => BigInt(t) < begin || BigInt(t) >= end)
              .map((t) => `${where}: ${t} is outside`),
          ]
        })
        return [
          ...problems,
          ...(profile.samples.length === 0 ? [`${where} has no samples`] : []),
          ...(shapes.size > 1 ? [`${where} has samples of ${shapes.size} shapes`] : []),
          ...(profile.profile_id.length === 16
            ? []
            : [`${where}: an id of ${profile.profile_id.length} bytes`]),
        ]
      }),
    )
  })
}
