// Reads a pprof profile for the report. The decoder trusts its input, so what it makes of it is checked here.

import { readFileSync, statSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { type Location, Profile, type Sample } from 'pprof-format'
import { AgentError, errnoOf, messageOf } from '../core/errors.ts'
import { addressLabel, baseName, type FunctionLabel, kernelLabel } from '../core/frame-label.ts'
import { imageKindOf } from '../core/process.ts'
import type { SampleGroup } from './profile-table.ts'

type Numeric = number | bigint

const MAX_FILE_BYTES = 512 * 2 ** 20
const MAX_PROFILE_BYTES = 2 ** 30

export interface PprofContent {
  /** `cpu`, `page-faults`: the type of the weights. */
  readonly event: string
  readonly unit: 'nanoseconds' | 'count'
  readonly groups: readonly SampleGroup[]
}

/** @throws AgentError `REPORT.NOT_PPROF`, `REPORT.UNREADABLE` */
export function readPprof(path: string): PprofContent {
  const bytes = unpacked(path)
  try {
    return contentOf(Profile.decode(bytes))
  } catch (error) {
    throw notPprof(path, messageOf(error), error)
  }
}

function unpacked(path: string): Uint8Array {
  let packed: Buffer
  try {
    if (statSync(path).size > MAX_FILE_BYTES) throw new Error('it is too large')
    packed = readFileSync(path)
  } catch (error) {
    throw new AgentError('REPORT.UNREADABLE', `Cannot read ${path}: ${errnoOf(error) ?? messageOf(error)}.`, {
      cause: error,
    })
  }
  if (packed[0] !== 0x1f || packed[1] !== 0x8b) return packed
  try {
    return gunzipSync(packed, { maxOutputLength: MAX_PROFILE_BYTES })
  } catch (error) {
    throw notPprof(path, messageOf(error), error)
  }
}

const notPprof = (path: string, why: string, cause: unknown): AgentError =>
  new AgentError('REPORT.NOT_PPROF', `${path} is no pprof profile, or a damaged one: ${why}.`, { cause })

function contentOf(profile: Profile): PprofContent {
  const { strings } = profile.stringTable
  const text = (index: Numeric): string => strings[Number(index)] ?? ''
  const types = profile.sampleType
  const shown = types.at(-1)
  if (shown === undefined || strings[0] !== '') throw new Error('it has no sample types')
  const counts = types.findIndex(({ type, unit }) => text(type) === 'samples' && text(unit) === 'count')
  const frames = new Frames(profile, text)
  return {
    event: text(shown.type),
    unit: text(shown.unit) === 'nanoseconds' ? 'nanoseconds' : 'count',
    groups: profile.sample.map((sample) => ({
      frames: frames.of(sample),
      ...threadOf(sample, text),
      samples: counts < 0 ? 1 : Number(sample.value[counts] ?? 0),
      weight: Number(sample.value.at(-1) ?? 0),
    })),
  }
}

function threadOf(
  sample: Sample,
  text: (index: Numeric) => string,
): Pick<SampleGroup, 'comm' | 'pid' | 'process' | 'cgroup'> {
  let comm = ''
  let pid = 0
  let process = ''
  let cgroup = ''
  for (const { key, str, num } of sample.label) {
    if (text(key) === 'thread name') comm = text(str)
    if (text(key) === 'process name') process = text(str)
    if (text(key) === 'cgroup') cgroup = text(str)
    if (text(key) === 'pid') pid = Number(num)
  }
  return { comm, pid, process, cgroup }
}

/** Where Sonde puts the reason why a stack ends: no function, unless nothing else is there. */
const INCOMPLETE = '[incomplete]'

class Frames {
  readonly #locations: ReadonlyMap<bigint, Location>
  readonly #functions: ReadonlyMap<bigint, string>
  /** File names of mappings. */
  readonly #paths: ReadonlyMap<bigint, string>
  readonly #known = new Map<bigint, readonly FunctionLabel[]>()

  constructor(profile: Profile, text: (index: Numeric) => string) {
    this.#locations = new Map(profile.location.map((location) => [BigInt(location.id), location]))
    this.#functions = new Map(profile.function.map(({ id, name }) => [BigInt(id), text(name)]))
    this.#paths = new Map(profile.mapping.map(({ id, filename }) => [BigInt(id), text(filename)]))
  }

  of(sample: Sample): readonly FunctionLabel[] {
    const labels = sample.locationId.flatMap((id) => this.#labels(BigInt(id)))
    const code = labels.filter(({ module }) => module !== INCOMPLETE)
    return code.length > 0 ? code : labels
  }

  /** One location has a line per inlined function, innermost first. */
  #labels(id: bigint): readonly FunctionLabel[] {
    const known = this.#known.get(id)
    if (known !== undefined) return known
    const location = this.#locations.get(id)
    if (location === undefined) throw new Error(`location ${id} is missing`)
    const path = this.#paths.get(BigInt(location.mappingId)) ?? ''
    const module = baseName(path)
    const names = location.line.map(({ functionId }) => this.#functions.get(BigInt(functionId)) ?? '')
    const fallback = unnamed(path, BigInt(location.address))
    const labels = (names.length > 0 ? names : [fallback]).map((name) => ({ name: name || fallback, module }))
    this.#known.set(id, labels)
    return labels
  }
}

/** The same words as for a frame of a batch. */
function unnamed(path: string, address: bigint): string {
  if (path === '[kernel.kallsyms]') return kernelLabel(address)
  if (path === '' || path === '[unknown]') return addressLabel(undefined, address)
  return addressLabel({ kind: imageKindOf(path), path }, address)
}
