// What is in a wrapper's `data`: a protobuf message by its numbers (proto/), as fields with its names.

import { type ProtobufField, protobufFields } from './protobuf-fields.ts'

export interface PayloadField {
  readonly name: string
  readonly is: 'text' | 'number' | 'flag'
  readonly repeated?: true
}

/** By number. */
export type PayloadShape = Readonly<Record<number, PayloadField>>

export interface Payload {
  /** What is not there is not a key. */
  readonly fields: Readonly<Record<string, unknown>>
  /** Numbers that the shape has not. */
  readonly unknown: readonly number[]
  /** What cannot be the field that its number says. */
  readonly problems: readonly string[]
}

const WIRES = { text: 'bytes', number: 'varint', flag: 'varint' } as const

/** @throws ProtobufError where the bytes are no message */
export function readPayload(bytes: Uint8Array, shape: PayloadShape): Payload {
  const fields: Record<string, unknown> = {}
  const unknown = new Set<number>()
  const problems: string[] = []
  for (const field of protobufFields(bytes)) {
    const known = shape[field.number]
    if (known === undefined) unknown.add(field.number)
    else if (field.wire !== WIRES[known.is])
      problems.push(`field ${field.number} (${known.name}) is no ${known.is}: its wire type is ${field.wire}`)
    else {
      const value = decodedValue(field, known)
      if (value === undefined) problems.push(`field ${field.number} (${known.name}) is not UTF-8 text`)
      else if (known.repeated === true) appendTo(fields, known.name, value)
      else fields[known.name] = value
    }
  }
  return { fields, unknown: [...unknown], problems: [...new Set(problems)] }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decodedValue(
  field: ProtobufField,
  { is }: PayloadField,
): string | number | bigint | boolean | undefined {
  if (field.wire === 'varint') return is === 'flag' ? field.value !== 0n : plainNumber(field.value)
  if (field.wire !== 'bytes') return undefined
  try {
    return UTF8.decode(field.value)
  } catch {
    return undefined
  }
}

/** Those that a number cannot hold exactly stay what they are, for whoever says that they are too large. */
const plainNumber = (value: bigint): number | bigint =>
  value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value

function appendTo(fields: Record<string, unknown>, name: string, value: unknown): void {
  const list = fields[name]
  if (Array.isArray(list)) list.push(value)
  else fields[name] = [value]
}
