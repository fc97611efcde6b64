// How long 10 000 and 100 000 distinct samples take on their way to an OTLP request: goals 40 and 150 ms at most, on the
// encoding thread. Beside it what protobufjs's reflection, which knows the same messages, takes for the same bytes.
//
//   npm run bench -- otlp-encode

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import protobuf from 'protobufjs'
import type { OtlpEncoding } from '../../src/core/otlp-encoding.ts'
import { encodeOtlpProfiles } from '../../src/formats/otlp/profiles.ts'
import { ProfileAggregate } from '../../src/formats/profile/profile-aggregate.ts'
import { bestCpuTime } from '../support/cpu-time.ts'
import { manySamples } from '../support/many-samples.ts'

const ENCODING: OtlpEncoding = {
  level: '1.10',
  scope: { name: 'sonde', version: '0.1.0' },
  resourcePer: 'process',
  sampleAttributes: ['thread.id', 'thread.name'],
  attributeValues: 'typed',
  functions: 'once',
  shape: 'counts',
  originalPayload: 'none',
  resourceAttributes: { 'host.name': 'bench' },
  maxMessageBytes: Number.POSITIVE_INFINITY,
  compression: 'gzip',
}
const TOOLS = { profileId: () => new Uint8Array(16).fill(1), pprof: () => new Uint8Array(0) }

const proto = readFileSync(join(import.meta.dirname, '../../proto/otlp_profiles.proto'), 'utf8')
const request = protobuf
  .parse(proto, { keepCase: true })
  .root.lookupType('sonde.otlp.profiles.v1development.ExportProfilesServiceRequest')

const show = (what: string, figure: string): void => console.log(`  ${what.padEnd(58)} ${figure}`)

for (const samples of [10_000, 100_000]) {
  const window = manySamples({ samples, stacks: samples / 10, spread: 'even' })
  const aggregate = new ProfileAggregate({ maxBytes: 2 ** 30, labels: ['resource'] })
  aggregate.add(window)
  const profile = aggregate.session(0)
  if (profile === undefined) throw new Error('the window has no session 0')
  const encode = (): Uint8Array =>
    encodeOtlpProfiles([profile], ENCODING, TOOLS)[0]?.bytes ?? new Uint8Array(0)
  const bytes = encode()
  console.log(`${samples} samples, ${profile.rows.length} of them distinct, ${samples / 10} stacks`)
  const own = await bestCpuTime(encode)
  show('encoding', `${own.toFixed(1)} ms`)
  const split = { ...ENCODING, maxMessageBytes: 4 * 2 ** 20 }
  const splitting = await bestCpuTime(() => encodeOtlpProfiles([profile], split, TOOLS))
  show('encoding, in messages below 4 MiB', `${splitting.toFixed(1)} ms`)
  const message = request.decode(bytes)
  const reflection = await bestCpuTime(() => request.encode(message).finish())
  show(
    'protobufjs by reflection, its objects made before',
    `${reflection.toFixed(1)} ms (${(own / reflection).toFixed(2)})`,
  )
  show('gzip -1', `${(await bestCpuTime(() => gzipSync(bytes, { level: 1 }))).toFixed(1)} ms`)
  const sizes = [bytes, gzipSync(bytes, { level: 1 }), gzipSync(bytes)].map(({ length }) =>
    (length / samples).toFixed(1),
  )
  show('bytes per sample: plain, gzip -1, gzip -6', sizes.join(', '))
}
