// pprof as a test reads it: resolved to names, and held against the format's rules.

import assert from 'node:assert/strict'
import { ProtoMessage } from './proto-walker.ts'

export interface ReadMapping {
  readonly id: bigint
  readonly start: bigint
  readonly limit: bigint
  readonly offset: bigint
  readonly file: string
  readonly buildId: string
  readonly hasFunctions: boolean
}

export interface ReadLocation {
  readonly id: bigint
  readonly mapping: ReadMapping | undefined
  readonly address: bigint
  /** Innermost first. */
  readonly functions: readonly string[]
  /** The same with their source. */
  readonly lines: readonly ReadLine[]
}

export interface ReadLine {
  readonly function: string
  readonly file: string
  readonly line: number
}

export interface ReadSample {
  readonly locations: readonly ReadLocation[]
  readonly values: readonly bigint[]
  readonly labels: Readonly<Record<string, string | bigint>>
}

export interface ReadPprof {
  readonly sampleTypes: readonly string[]
  /** '' where it is not stated. */
  readonly defaultSampleType: string
  readonly periodType: string
  readonly period: bigint
  readonly timeNanos: bigint
  readonly durationNanos: bigint
  readonly comments: readonly string[]
  readonly mappings: readonly ReadMapping[]
  readonly locations: readonly ReadLocation[]
  readonly samples: readonly ReadSample[]
}

/** Checks ids, references and the string table on the way: a broken file fails the test that reads it. */
export function readPprof(bytes: Uint8Array): ReadPprof {
  const profile = new ProtoMessage(bytes)
  const strings = new StringsInUse(profile.texts(6))
  const typeOf = (message: ProtoMessage): string =>
    `${strings.at(message.number(1))}/${strings.at(message.number(2))}`
  const mappings = profile.messages(3).map((message) => readMapping(message, strings))
  const functions = new Map(
    profile.messages(5).map((message) => [message.number(1), readFunction(message, strings)]),
  )
  assert.equal(functions.size, profile.messages(5).length, 'function ids are unique')
  const functionsInUse = new Set<bigint>()
  const locations = profile.messages(4).map((message): ReadLocation => {
    const lines = message.messages(4).map((line): ReadLine => {
      functionsInUse.add(line.number(1))
      const called = functions.get(line.number(1)) ?? assert.fail('a line without a function')
      return { ...called, line: Number(line.number(2)) }
    })
    return {
      id: message.number(1),
      mapping: mappings.find(({ id }) => id === message.number(2)),
      address: message.number(3),
      functions: lines.map((line) => line.function),
      lines,
    }
  })
  assertIds(mappings)
  assertIds(locations)
  const byId = new Map(locations.map((location) => [location.id, location]))
  const samples = profile.messages(2).map((message) => readSample(message, byId, strings))
  const read = {
    sampleTypes: profile.messages(1).map(typeOf),
    defaultSampleType: strings.at(profile.number(14)),
    periodType: profile.messages(11).map(typeOf).join(),
    period: profile.number(12),
    timeNanos: profile.number(9),
    durationNanos: profile.number(10),
    comments: profile.numbers(13).map((comment) => strings.at(comment)),
    mappings,
    locations,
    samples,
  }
  assert.deepEqual(
    [...functions.keys()].filter((id) => !functionsInUse.has(id)),
    [],
    'every function is referred to',
  )
  assertReferences(read)
  strings.assertAllUsed()
  return read
}

class StringsInUse {
  readonly #strings: readonly string[]
  readonly #used = new Set<bigint>([0n])

  constructor(strings: readonly string[]) {
    this.#strings = strings
    assert.equal(strings[0], '', 'string 0 is empty')
    assert.equal(new Set(strings).size, strings.length, 'no string is there twice')
  }

  at(index: bigint): string {
    this.#used.add(index)
    return this.#strings[Number(index)] ?? assert.fail(`there is no string ${index}`)
  }

  assertAllUsed(): void {
    const unused = this.#strings.filter((_, index) => !this.#used.has(BigInt(index)))
    assert.deepEqual(unused, [], 'every string is referred to')
  }
}

const readMapping = (message: ProtoMessage, strings: StringsInUse): ReadMapping => ({
  id: message.number(1),
  start: message.number(2),
  limit: message.number(3),
  offset: message.number(4),
  file: strings.at(message.number(5)),
  buildId: strings.at(message.number(6)),
  hasFunctions: message.number(7) === 1n,
})

function readFunction(message: ProtoMessage, strings: StringsInUse): Omit<ReadLine, 'line'> {
  assert.notEqual(message.number(1), 0n, 'ids are not zero')
  strings.at(message.number(3))
  return { function: strings.at(message.number(2)), file: strings.at(message.number(4)) }
}

function readSample(
  message: ProtoMessage,
  locations: ReadonlyMap<bigint, ReadLocation>,
  strings: StringsInUse,
): ReadSample {
  const labels = message.messages(3).map((label): [string, string | bigint] => {
    const text = label.number(2)
    return [strings.at(label.number(1)), text === 0n ? label.number(3) : strings.at(text)]
  })
  return {
    locations: message.numbers(1).map((id) => locations.get(id) ?? assert.fail(`there is no location ${id}`)),
    values: message.numbers(2),
    labels: Object.fromEntries(labels),
  }
}

function assertIds(entries: readonly { readonly id: bigint }[]): void {
  assert.ok(
    entries.every(({ id }) => id !== 0n),
    'ids are not zero',
  )
  assert.equal(new Set(entries.map(({ id }) => id)).size, entries.length, 'ids are unique')
}

function assertReferences({ sampleTypes, mappings, locations, samples }: ReadPprof): void {
  const locationsInUse = new Set(samples.flatMap((sample) => sample.locations))
  assert.ok(
    locations.every((location) => locationsInUse.has(location)),
    'every location is referred to',
  )
  assert.ok(
    locations.every(({ mapping, address, functions }) => mapping ?? (address === 0n && functions.length > 0)),
    'every location has a mapping, or is nowhere and only names something',
  )
  const mappingsInUse = new Set(locations.map(({ mapping }) => mapping))
  assert.ok(
    mappings.every((mapping) => mappingsInUse.has(mapping)),
    'every mapping is referred to',
  )
  assert.ok(
    samples.every(({ values }) => values.length === sampleTypes.length),
    'as many values as sample types',
  )
}
