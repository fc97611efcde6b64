// ProfileCollectionConfig as the bytes of its protobuf message.

import { Writer } from 'protobufjs/minimal.js'
import { COLLECTION_NUMBERS } from './payload-shape.ts'
import type { CollectionField, StatedCollection } from './stated.ts'

/** The bytes of a sonde.v1.ProfileCollectionConfig, and of the predecessor's where nothing else is stated than that has. */
export function encodeCollection(stated: StatedCollection): Uint8Array {
  const writer = Writer.create()
  for (const [number, { field }] of Object.entries(COLLECTION_NUMBERS))
    writeField(writer, Number(number), stated[field])
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
