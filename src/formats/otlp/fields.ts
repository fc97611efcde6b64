// Field numbers of opentelemetry-proto that all levels share, and the ways that protobuf writes a field.

import { type Long, Writer } from 'protobufjs/minimal.js'

/** ExportProfilesServiceRequest; ProfilesData has the same numbers. */
export const REQUEST = { resourceProfiles: 1, dictionary: 2 } as const
export const DICTIONARY = {
  mappings: 1,
  locations: 2,
  functions: 3,
  links: 4,
  strings: 5,
  attributes: 6,
  stacks: 7,
} as const
export const RESOURCE_PROFILES = { resource: 1, scopeProfiles: 2, schemaUrl: 3 } as const
export const RESOURCE = { attributes: 1 } as const
export const SCOPE_PROFILES = { scope: 1, profiles: 2, schemaUrl: 3 } as const
export const SCOPE = { name: 1, version: 2 } as const
export const PROFILE = { sampleType: 1, samples: 2, time: 3, duration: 4, periodType: 5, period: 6 } as const
export const SAMPLE = { stack: 1, timestamps: 5 } as const
export const VALUE_TYPE = { type: 1, unit: 2 } as const
export const MAPPING = { start: 1, limit: 2, fileOffset: 3, filename: 4, attributes: 5 } as const
export const LOCATION = { mapping: 1, address: 2, lines: 3, attributes: 4 } as const
export const LINE = { function: 1, line: 2 } as const
export const FUNCTION = { name: 1, systemName: 2, filename: 3 } as const
export const STACK = { locations: 1 } as const
export const KEY_VALUE = { key: 1, value: 2 } as const
export const KEY_VALUE_AND_UNIT = { key: 1, value: 2 } as const
export const ANY_VALUE = { string: 1, int: 3 } as const

const VARINT = 0
const FIXED64 = 1
const LENGTH_DELIMITED = 2

const MAX_UINT32 = 0xffff_ffffn

/** Field number and wire type. */
const tag = (writer: Writer, field: number, wireType: number): Writer =>
  writer.uint32(((field << 3) | wireType) >>> 0)

/** A bigint as protobufjs takes 64-bit numbers. */
const long = (value: bigint): Long =>
  ({
    low: Number(BigInt.asIntN(32, value)),
    high: Number(BigInt.asIntN(32, value >> 32n)),
    unsigned: true,
  }) as Long

/** A number that is 0 is left out, as proto3 has it. */
export function writeUint(writer: Writer, field: number, value: number): void {
  if (value !== 0) tag(writer, field, VARINT).uint64(value)
}

export function writeWide(writer: Writer, field: number, value: bigint): void {
  if (value !== 0n) tag(writer, field, VARINT).uint64(long(value))
}

export function writeFixed64(writer: Writer, field: number, value: bigint): void {
  tag(writer, field, FIXED64).fixed64(long(value))
}

export function writeString(writer: Writer, field: number, text: string): void {
  if (text !== '') writeElement(writer, field, text)
}

/** An element of a repeated field, which stands there even where it is empty. */
export function writeElement(writer: Writer, field: number, text: string): void {
  tag(writer, field, LENGTH_DELIMITED).string(text)
}

export function writeBytes(writer: Writer, field: number, bytes: Uint8Array): void {
  tag(writer, field, LENGTH_DELIMITED).bytes(bytes)
}

/** A message whose fields `fill` writes; it stands there even where it is empty. */
export function writeMessage(writer: Writer, field: number, fill: (message: Writer) => void): void {
  tag(writer, field, LENGTH_DELIMITED).fork()
  fill(writer)
  writer.ldelim()
}

/** `packed`: indices one after the other. Left out where there are none. */
export function writePacked(writer: Writer, field: number, values: ArrayLike<number>): void {
  if (values.length === 0) return
  tag(writer, field, LENGTH_DELIMITED).fork()
  for (let at = 0; at < values.length; at++) writer.uint32(values[at] as number)
  writer.ldelim()
}

/** The same of 64-bit numbers. */
export function writePackedWide(writer: Writer, field: number, values: Iterable<bigint>): void {
  tag(writer, field, LENGTH_DELIMITED).fork()
  for (const value of values) {
    if (value <= MAX_UINT32) writer.uint32(Number(value))
    else writer.uint64(long(value))
  }
  writer.ldelim()
}

export const newWriter = (): Writer => Writer.create()
