// Reads OTLP profiles by reflection over proto/otlp_profiles.proto: independent of the encoder.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import protobuf from 'protobufjs'

const proto = readFileSync(join(import.meta.dirname, '../../proto/otlp_profiles.proto'), 'utf8')

/** What other releases of opentelemetry-proto number differently, as `field name -> number` in a message. */
const LEVELS: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, number>>>>>> = {
  '1.10': {},
  '1.9': { Sample: { attribute_indices: 3, link_index: 4, values: 2 } },
  '1.8': {
    Sample: { attribute_indices: 3, link_index: 4, values: 2 },
    Profile: {
      profile_id: 8,
      dropped_attributes_count: 9,
      original_payload_format: 10,
      original_payload: 11,
      attribute_indices: 12,
    },
  },
}

function protoOf(level: string): string {
  let text = proto
  for (const [message, fields] of Object.entries(LEVELS[level] ?? {})) {
    text = text.replace(new RegExp(`message ${message} \\{[^}]*\\}`), (body) =>
      Object.entries(fields).reduce(
        (changed, [field, number]) => changed.replace(new RegExp(`(\\b${field} =) \\d+`), `$1 ${number}`),
        body,
      ),
    )
  }
  return text
}

interface Any {
  readonly string_value?: string
  readonly int_value?: string
}
interface KeyValue {
  readonly key: string
  readonly value: Any
}
/** The message as protobufjs reads it: 64-bit numbers are decimal texts. */
export interface RawRequest {
  readonly resource_profiles: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] }
    readonly schema_url: string
    readonly scope_profiles: readonly {
      readonly scope: { readonly name: string; readonly version: string }
      readonly profiles: readonly RawProfile[]
    }[]
  }[]
  readonly dictionary: RawDictionary
}
export interface RawProfile {
  readonly sample_type: RawValueType
  readonly samples: readonly {
    readonly stack_index: number
    readonly attribute_indices: readonly number[]
    readonly link_index: number
    readonly values: readonly string[]
    readonly timestamps_unix_nano: readonly string[]
  }[]
  readonly time_unix_nano: string
  readonly duration_nano: string
  readonly period_type: RawValueType | null
  readonly period: string
  readonly profile_id: Uint8Array
  readonly original_payload_format: string
  readonly original_payload: Uint8Array
}
interface RawValueType {
  readonly type_strindex: number
  readonly unit_strindex: number
}
export interface RawDictionary {
  readonly mapping_table: readonly {
    readonly memory_start: string
    readonly memory_limit: string
    readonly file_offset: string
    readonly filename_strindex: number
    readonly attribute_indices: readonly number[]
  }[]
  readonly location_table: readonly {
    readonly mapping_index: number
    readonly address: string
    readonly lines: readonly { readonly function_index: number; readonly line: string }[]
    readonly attribute_indices: readonly number[]
  }[]
  readonly function_table: readonly {
    readonly name_strindex: number
    readonly system_name_strindex: number
    readonly filename_strindex: number
  }[]
  readonly link_table: readonly { readonly trace_id: Uint8Array; readonly span_id: Uint8Array }[]
  readonly string_table: readonly string[]
  readonly attribute_table: readonly {
    readonly key_strindex: number
    readonly value: Any | null
    readonly unit_strindex: number
  }[]
  readonly stack_table: readonly { readonly location_indices: readonly number[] }[]
}

const types = new Map<string, protobuf.Type>()

function requestType(level: string): protobuf.Type {
  const known = types.get(level)
  if (known !== undefined) return known
  const { root } = protobuf.parse(protoOf(level), { keepCase: true })
  const type = root.lookupType('sonde.otlp.profiles.v1development.ExportProfilesServiceRequest')
  types.set(level, type)
  return type
}

export function readRawOtlp(bytes: Uint8Array, level = '1.10'): RawRequest {
  const type = requestType(level)
  return type.toObject(type.decode(bytes), { longs: String, defaults: true, arrays: true }) as RawRequest
}

export interface ReadFrame {
  /** Innermost first. */
  readonly functions: readonly string[]
  readonly type: string
  readonly mapping: string
  readonly buildIds: Readonly<Record<string, string>>
  readonly address: bigint
}
export interface ReadSample {
  /** Leaf first. */
  readonly stack: readonly ReadFrame[]
  readonly attributes: Readonly<Record<string, string | number>>
  readonly values: readonly bigint[]
  readonly timestamps: readonly bigint[]
}
export interface ReadProfile {
  readonly resource: Readonly<Record<string, string | number>>
  readonly scope: string
  readonly sampleType: string
  readonly periodType: string
  readonly period: bigint
  readonly time: bigint
  readonly duration: bigint
  readonly id: string
  readonly samples: readonly ReadSample[]
  readonly payload: Uint8Array
}

const plain = (value: Any): string | number =>
  value.string_value || Number(value.int_value ?? 0) || value.string_value || 0

/** Every profile of a request, with what its indices refer to. */
export function readOtlp(bytes: Uint8Array, level = '1.10'): ReadProfile[] {
  const raw = readRawOtlp(bytes, level)
  const { dictionary } = raw
  const text = (index: number): string => dictionary.string_table[index] ?? `no string ${index}`
  const attributes = (indices: readonly number[]): Record<string, string | number> =>
    Object.fromEntries(
      indices.map((index) => {
        const row = dictionary.attribute_table[index]
        return [text(row?.key_strindex ?? -1), row?.value ? plain(row.value) : 'no value']
      }),
    )
  const frame = (index: number): ReadFrame => {
    const location = dictionary.location_table[index]
    const mapping = dictionary.mapping_table[location?.mapping_index ?? -1]
    if (location === undefined || mapping === undefined) throw new RangeError(`location ${index}`)
    return {
      functions: location.lines.map(({ function_index }) =>
        text(dictionary.function_table[function_index]?.name_strindex ?? -1),
      ),
      type: String(attributes(location.attribute_indices)['profile.frame.type'] ?? ''),
      mapping: text(mapping.filename_strindex),
      buildIds: attributes(mapping.attribute_indices) as Record<string, string>,
      address: BigInt(location.address),
    }
  }
  const valueType = (type: RawValueType | null): string =>
    type === null ? '' : `${text(type.type_strindex)}/${text(type.unit_strindex)}`
  return raw.resource_profiles.flatMap(({ resource, scope_profiles }) =>
    scope_profiles.flatMap(({ scope, profiles }) =>
      profiles.map((profile) => ({
        resource: Object.fromEntries(resource.attributes.map(({ key, value }) => [key, plain(value)])),
        scope: `${scope.name} ${scope.version}`,
        sampleType: valueType(profile.sample_type),
        periodType: valueType(profile.period_type),
        period: BigInt(profile.period),
        time: BigInt(profile.time_unix_nano),
        duration: BigInt(profile.duration_nano),
        id: Buffer.from(profile.profile_id).toString('hex'),
        payload: profile.original_payload,
        samples: profile.samples.map((sample) => ({
          stack: (dictionary.stack_table[sample.stack_index]?.location_indices ?? []).map(frame),
          attributes: attributes(sample.attribute_indices),
          values: sample.values.map(BigInt),
          timestamps: sample.timestamps_unix_nano.map(BigInt),
        })),
      })),
    ),
  )
}
