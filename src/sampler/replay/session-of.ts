// What a file's attrs and features say about sessions and host.

import type { CallGraph } from '../../core/call-graph.ts'
import type { HostInfo, KernelModule } from '../../core/host.ts'
import { EVENT_TYPE, type EventInfo, type SamplingRate, type SessionInfo } from '../../core/profile.ts'
import { hertz } from '../../core/units.ts'
import { detailsOf } from '../../formats/perf-data/attr.ts'
import type { Features } from '../../formats/perf-data/features.ts'
import type { MmapRecord } from '../../formats/perf-data/file-records.ts'
import type { FileEvent } from '../../formats/perf-data/header.ts'
import { ATTR_FLAG, CLOCK_MONOTONIC, SAMPLE_TYPE } from '../../formats/perf-data/layout.ts'
import type { PerfDataFile } from '../../formats/perf-data/reader.ts'
import { readRecords } from '../../formats/perf-data/record-reader.ts'
import type { StackNotes } from '../../formats/perf-data/stack-notes-reader.ts'
import { eventOfNumbers } from '../events/names.ts'

/** No Linux runs on more (NR_CPUS). */
const MAX_CPUS = 8192

/** One session per event of the file, numbered from 0. */
export function sessionsOf(file: PerfDataFile, notes?: StackNotes): SessionInfo[] {
  const host = hostOf(file)
  // perf.data does not say which CPUs were sampled; all of them is what an agent does.
  const cpus = Array.from({ length: Math.min(host.cpusOnline, MAX_CPUS) }, (_, cpu) => cpu)
  return file.events.map((event, id) => ({
    id,
    source: 0,
    event: eventInfoOf(event, id, file.features.pmus),
    rate: rateOf(event),
    config: notes?.configOf(id) ?? null,
    cpus,
    callGraph: callGraphOf(event),
    maxStack: event.attr.sampleMaxStack,
    inherit: isSet(event, ATTR_FLAG.inherit),
    stackParts: {
      kernel: (event.attr.flags & ATTR_FLAG.exclude_callchain_kernel) === 0n,
      user: (event.attr.flags & ATTR_FLAG.exclude_callchain_user) === 0n,
    },
    tellsCgroups: (event.attr.sampleType & SAMPLE_TYPE.CGROUP) !== 0n,
    host,
    ...clockOf(file, event),
    commandLine: file.features.commandLine ?? [],
  }))
}

/** Nothing where it is Sonde's. */
function clockOf({ features }: PerfDataFile, event: FileEvent): Pick<SessionInfo, 'clock'> {
  const id = isSet(event, ATTR_FLAG.use_clockid) ? event.attr.clockid : undefined
  const tellsUnixTime = features.clock !== undefined
  return id === CLOCK_MONOTONIC && tellsUnixTime ? {} : { clock: { id, tellsUnixTime } }
}

/** A frequency of 0 is none, and would be divided by. */
function rateOf(event: FileEvent): SamplingRate {
  const { sampleFreqOrPeriod: rate } = event.attr
  if (isSet(event, ATTR_FLAG.freq) && rate > 0n) return { by: 'frequency', hertz: hertz(Number(rate)) }
  return { by: 'period', period: rate }
}

const callGraphOf = ({ attr }: FileEvent): CallGraph =>
  attr.sampleStackUser === 0 ? { method: 'fp' } : { method: 'dwarf', stackBytes: attr.sampleStackUser }

const isSet = ({ attr }: FileEvent, flag: bigint): boolean => (attr.flags & flag) !== 0n

function eventInfoOf(event: FileEvent, index: number, pmus: Features['pmus']): EventInfo {
  const { type, config } = event.attr
  const known = eventOfNumbers(type, config)
  const details = detailsOf(event.attr)
  return {
    name: event.name || nameOf(event, index, pmus?.get(event.attr.type)),
    type,
    config,
    unit: known?.unit ?? 'count',
    excludeUser: isSet(event, ATTR_FLAG.exclude_user),
    excludeKernel: isSet(event, ATTR_FLAG.exclude_kernel),
    ...(details === undefined ? {} : { details }),
  }
}

/** What perf calls it where the file does not say: `cycles:u`, `raw 0x1a8`; of another PMU as -e takes it. */
function nameOf(event: FileEvent, index: number, pmu: string | undefined): string {
  const { type, config } = event.attr
  const known = eventOfNumbers(type, config)
  const modes = [
    isSet(event, ATTR_FLAG.exclude_user) ? '' : 'u',
    isSet(event, ATTR_FLAG.exclude_kernel) ? '' : 'k',
  ].join('')
  const modifiers = modes === 'uk' || modes === '' ? '' : `:${modes}`
  if (known !== undefined) return known.name + modifiers
  const number = `0x${config.toString(16)}`
  switch (type) {
    case EVENT_TYPE.tracepoint:
      return `tracepoint ${number}`
    case EVENT_TYPE.cache:
      return `hw-cache ${number}${modifiers}`
    case EVENT_TYPE.raw:
      return `raw ${number}${modifiers}`
    case EVENT_TYPE.breakpoint:
      return `breakpoint-${index}${modifiers}`
    default:
      return pmu === undefined ? `event-${index}` : pmuEventName(event, pmu) + modifiers.replace(':', '')
  }
}

/** `msr/config=0x1/`, and what else it says. */
function pmuEventName({ attr }: FileEvent, pmu: string): string {
  const terms = { config: attr.config, config1: attr.config1, config2: attr.config2 }
  const said = Object.entries(terms).filter(([term, value]) => term === 'config' || value !== 0n)
  return `${pmu}/${said.map(([term, value]) => `${term}=0x${value.toString(16)}`).join(',')}/`
}

function hostOf(file: PerfDataFile): HostInfo {
  const { features } = file
  return {
    hostname: features.hostname ?? '',
    osRelease: features.osRelease ?? '',
    arch: features.arch ?? '',
    cpusAvailable: features.cpus?.available ?? 0,
    cpusOnline: features.cpus?.online ?? 0,
    cpuDescription: features.cpuDescription ?? '',
    cpuId: features.cpuId ?? '',
    totalMemoryKb: features.totalMemoryKb ?? 0n,
    kernel: kernelOf(file),
  }
}

/** The kernel's maps stand before everything that happened. */
function kernelOf(file: PerfDataFile): HostInfo['kernel'] {
  const maps: MmapRecord[] = []
  for (const record of readRecords(file, { problem: () => undefined })) {
    if (record.kind === 'sample' || (record.kind === 'mmap' && !record.kernel)) break
    if (record.kind === 'mmap') maps.push(record)
  }
  const kernel = maps.find(({ path }) => path.startsWith(KERNEL_MAP))
  if (kernel === undefined || kernel.fileOffset === 0n) return undefined
  const { start, length, fileOffset: text } = kernel
  const ids = new Map(file.features.buildIds?.filter((entry) => entry.kernel).map((e) => [e.path, e.buildId]))
  const modules = maps.filter((map) => map !== kernel).map((map) => moduleOf(map, ids.get(map.path)))
  const buildId = kernel.buildId || (KERNEL_PATHS.map((path) => ids.get(path)).find(Boolean) ?? '')
  return { text, textEnd: start + length, buildId, modules }
}

/** What follows is the symbol whose address is the map's offset; before Linux 4.17 the map begins at 0. */
const KERNEL_MAP = '[kernel.kallsyms]'
const KERNEL_PATHS = [KERNEL_MAP, '[kernel.kallsyms]_text', '[kernel.kallsyms]_stext']

/** `[virtio_net]`, or the path of the module's file as perf writes it. */
const moduleOf = ({ path, start, length }: MmapRecord, buildId: string | undefined): KernelModule => ({
  name: path
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/^.*\/(.*?)\.ko(\.\w+)?$/, '$1')
    .replaceAll('-', '_'),
  start,
  size: length,
  ...(path.startsWith('/') && { path }),
  ...(buildId && { buildId }),
})
