// The events of Sonde's own files are told, when they are read again, as they were when they were recorded.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EventInfo } from '../../../../src/core/profile.ts'
import { encodeFeatures, type Features, layOutFeatures } from '../../../../src/formats/perf-data/features.ts'
import {
  dataOffset,
  encodeHead,
  type FileEvent,
  fileEventOf,
} from '../../../../src/formats/perf-data/header.ts'
import { openPerfData, type PerfDataFile } from '../../../../src/formats/perf-data/reader.ts'
import { finishedRound } from '../../../../src/formats/perf-data/records.ts'
import { CACHE_NAMES } from '../../../../src/sampler/events/cache.ts'
import { EVENTS } from '../../../../src/sampler/events/names.ts'
import { parseEvents } from '../../../../src/sampler/events/parse.ts'
import { sessionsOf } from '../../../../src/sampler/replay/session-of.ts'
import { eventPlaces } from '../../../support/event-places.ts'
import { session } from '../../formats/perf-data/fixture.ts'

const SPELLINGS = [
  ...EVENTS.flatMap(({ name, aliases }) => [name, ...aliases]),
  ...CACHE_NAMES,
  ...['', 'u', 'k', 'uk', 'h', 'uh', 'p', 'ppp', 'upp', 'H', 'G', 'GH', 'D', 'e', 'De', 'ukhpp'].map(
    (letters) => `cycles:${letters}`.replace(/:$/, ''),
  ),
  ...['cpu-clock:u', 'cpu-clock:D', 'cpu-clock:I', 'task-clock:k', 'page-faults:uk'],
  ...['r1a8', 'rffff:u', 'r1234567890abcdef:k'],
  ...['mem:0x1000', 'mem:0x1000/8:rw', 'mem:0x1000/1:r', 'mem:0x1000:x', 'mem:4096/2:w:k'],
  ...['cpu-clock/freq=50/', 'faults/period=10,name=mine/u', 'software/config=2/', 'software/config=0x1/u'],
  ...['cpu/event=0x3c/', 'cpu/event=0x3c,umask=1/u', 'cpu/event=0x3c,umask=1,cmask=2,inv/k'],
  'sched:sched_switch',
]

const TRACING = { 'events/sched/sched_switch/id': '316\n' }

function fileOf(events: readonly FileEvent[], stated: Features): PerfDataFile {
  const blobs = encodeFeatures({ arch: 'x86_64', ...stated })
  const records = finishedRound()
  const features = blobs.map(({ bit }) => bit)
  const head = encodeHead({ events, room: 1, dataBytes: records.length, features })
  const tables = layOutFeatures(blobs, dataOffset(1) + records.length)
  const bytes = Buffer.concat([head, records, tables])
  const read = (offset: number, length: number) => bytes.subarray(offset, offset + length)
  return openPerfData({ name: 'x.data', size: bytes.length, read })
}

for (const written of ['all', 'no names'] as const) {
  test(`an event comes back with its numbers, its details and its modifiers: ${written}`, (t) => {
    const places = eventPlaces(t, { machine: 'intel', tracing: TRACING })
    for (const spelling of SPELLINGS) {
      const [{ info } = assert.fail(spelling)] = parseEvents(spelling, places)
      const events = [fileEventOf(session(0, { event: info }))]
      const file = fileOf(events, written === 'all' ? { events } : {})
      const [read = assert.fail(spelling)] = sessionsOf(file)
      if (written === 'all') assert.deepEqual(read.event, info, spelling)
      else assert.deepEqual({ ...read.event, name: '', unit: '' }, { ...info, name: '', unit: '' }, spelling)
    }
  })
}

test('where the file names no event, one of a PMU is named by the number of its PMU, as -e takes it', (t) => {
  const places = eventPlaces(t, { machine: 'intel', tracing: TRACING })
  const nameOf = (event: EventInfo, pmus: ReadonlyMap<number, string>) =>
    sessionsOf(fileOf([fileEventOf(session(0, { event }))], { pmus }))[0]?.event.name
  const [{ info } = assert.fail()] = parseEvents('software/config=0x1/u', places)
  const event = { ...info, type: 37, config: 0x1a8n, details: { config1: 0x20n } }
  assert.equal(nameOf(event, new Map([[37, 'uncore_imc_0']])), 'uncore_imc_0/config=0x1a8,config1=0x20/u')
  assert.equal(nameOf(event, new Map([[38, 'uncore_imc_0']])), 'event-0')
})
