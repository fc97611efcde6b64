// The numbers of ProfileCollectionConfig in proto/, both ways.

import { Writer } from 'protobufjs/minimal.js'
import type { PayloadField, PayloadShape } from '../payload.ts'
import { type CollectionField, inSnakeCase, type StatedCollection } from './stated.ts'

type Numbered = Omit<PayloadField, 'name'> & { readonly field: CollectionField }

/** antimetal.agent.v1.ProfileCollectionConfig */
const PREDECESSORS: Readonly<Record<number, Numbered>> = {
  1: { field: 'eventName', is: 'text' },
  2: { field: 'samplePeriod', is: 'number' },
  3: { field: 'intervalSeconds', is: 'number' },
  4: { field: 'maxStackDepth', is: 'number' },
  5: { field: 'processFilters', is: 'text', repeated: true },
}

/** sonde.v1.ProfileCollectionConfig; numbers below 16 are left to the predecessor. */
const OURS: Readonly<Record<number, Numbered>> = {
  ...PREDECESSORS,
  16: { field: 'sampleFrequencyHz', is: 'number' },
  17: { field: 'cgroups', is: 'text', repeated: true },
  18: { field: 'kernelStacks', is: 'flag' },
  19: { field: 'userStacks', is: 'flag' },
  20: { field: 'threadNames', is: 'flag' },
  21: { field: 'consumers', is: 'text', repeated: true },
}

const shapeOf = (numbers: Readonly<Record<number, Numbered>>): PayloadShape =>
  Object.fromEntries(
    Object.entries(numbers).map(([number, { field, ...rest }]) => [
      number,
      { ...rest, name: inSnakeCase(field) },
    ]),
  )

export const PREDECESSORS_SHAPE = shapeOf(PREDECESSORS)
export const COLLECTION_SHAPE = shapeOf(OURS)

/** The bytes of a sonde.v1.ProfileCollectionConfig, and of the predecessor's where nothing else is stated than that has. */
export function encodeCollection(stated: StatedCollection): Uint8Array {
  const writer = Writer.create()
  for (const [number, { field }] of Object.entries(OURS)) writeField(writer, Number(number), stated[field])
  return writer.finish()
}

const VARINT = 0
const LENGTH_DELIMITED = 2
const tag = (writer: Writer, number: number, wire: number): Writer => writer.uint32((number << 3) | wire)

/** What is not stated is left out, as proto3 has it. */
function writeField(writer: Writer, number: number, value: StatedCollection[CollectionField]): void {
  if (typeof value === 'string') tag(writer, number, LENGTH_DELIMITED).string(value)
  else if (typeof value === 'number') tag(writer, number, VARINT).uint64(value)
  else if (typeof value === 'boolean') tag(writer, number, VARINT).bool(value)
  else for (const text of value ?? []) tag(writer, number, LENGTH_DELIMITED).string(text)
}
