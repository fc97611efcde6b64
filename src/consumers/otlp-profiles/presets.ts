// What each backend needs, as far as it was tried or read in its source (docs/decisions/0013).

import { AgentError } from '../../core/errors.ts'
import type { OtlpEncoding } from '../../core/otlp-encoding.ts'
import type { PassingFailure } from '../../transport/otlp-response.ts'
import type { Environment, OtlpProtocol } from './exporter-environment.ts'

export const PRESETS = ['collector', 'pyroscope', 'parca', 'datadog', 'generic'] as const
export type PresetName = (typeof PRESETS)[number]

export interface Preset {
  readonly protocols: readonly OtlpProtocol[]
  /** Without a path, where it is of HTTP; undefined: it depends on the environment. */
  readonly endpoints: Readonly<Partial<Record<OtlpProtocol, string>>>
  readonly attributeValues: OtlpEncoding['attributeValues']
  readonly functions: OtlpEncoding['functions']
  readonly compression: 'gzip' | 'zstd'
  /** What it can decompress. */
  readonly compressions: readonly ('gzip' | 'zstd' | 'none')[]
  /** What it answers to failures that pass, beyond what OTLP has for them. */
  readonly retriesToo: readonly PassingFailure[]
}

const COLLECTOR: Preset = {
  protocols: ['http/protobuf', 'grpc'],
  endpoints: { 'http/protobuf': 'http://localhost:4318', grpc: 'http://localhost:4317' },
  attributeValues: 'typed',
  functions: 'once',
  compression: 'gzip',
  compressions: ['gzip', 'zstd', 'none'],
  retriesToo: [],
}

/** @throws AgentError `OTLP.ENVIRONMENT` */
export function presetOf({ SONDE_OTLP_PROFILES_PRESET: text = '' }: Environment): PresetName | undefined {
  if (text === '') return undefined
  const preset = PRESETS.find((each) => each === text)
  if (preset !== undefined) return preset
  const message = `There is no preset '${text}' (--otlp-profiles-preset, SONDE_OTLP_PROFILES_PRESET): expected ${PRESETS.join(', ')}.`
  throw new AgentError('OTLP.ENVIRONMENT', message)
}

/** The first protocol is the default. */
export const PRESET_NEEDS: Readonly<Record<PresetName, Preset>> = {
  collector: COLLECTOR,
  pyroscope: {
    ...COLLECTOR,
    endpoints: { 'http/protobuf': 'http://localhost:4040', grpc: 'http://localhost:4040' },
    compressions: ['gzip', 'none'],
    // Whatever its distributors and segment writers fail with.
    retriesToo: [500, 'UNKNOWN'],
  },
  // OTLP over HTTP is answered with its web page; attributes that are no texts become no labels.
  parca: {
    protocols: ['grpc'],
    endpoints: { grpc: 'http://localhost:7070' },
    attributeValues: 'strings',
    functions: 'twice',
    compression: 'gzip',
    compressions: ['gzip', 'none'],
    retriesToo: [],
  },
  datadog: {
    protocols: ['http/protobuf'],
    endpoints: {},
    attributeValues: 'typed',
    functions: 'once',
    compression: 'zstd',
    compressions: ['gzip', 'zstd', 'none'],
    retriesToo: [],
  },
  generic: { ...COLLECTOR, attributeValues: 'strings', compressions: ['gzip', 'none'] },
}
