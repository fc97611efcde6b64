// A machine's files about its events, made of a text.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import type { EventPlaces } from '../../src/sampler/events/places.ts'

export type EventMachine = 'intel' | 'amd' | 'arm' | 'power'

/** `path<tab>contents` of test/fixtures/event-sources below the devices; `tracing` likewise below tracefs. */
export function eventPlaces(
  t: TestContext,
  { machine, tracing = {} }: { machine?: EventMachine; tracing?: Readonly<Record<string, string>> },
): EventPlaces {
  const root = mkdtempSync(join(tmpdir(), 'sonde-events-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  const places = { devices: join(root, 'devices'), tracing: [join(root, 'tracing')] }
  const text =
    machine === undefined
      ? ''
      : readFileSync(join(import.meta.dirname, `../fixtures/event-sources/${machine}.txt`), 'utf8')
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const [path = '', contents = ''] = line.split('\t')
    writeIn(places.devices, path, `${contents}\n`)
  }
  for (const [path, contents] of Object.entries(tracing)) writeIn(join(root, 'tracing'), path, contents)
  return places
}

function writeIn(directory: string, path: string, contents: string): void {
  const file = join(directory, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, contents)
}
