// What a consumer that sends collects, and what it does with it.

import assert from 'node:assert/strict'
import test from 'node:test'
import type { EncodedPayload, OpenProfile } from '../../../src/core/encoder.ts'
import type { ProfileBatch } from '../../../src/core/profile.ts'
import { milliseconds } from '../../../src/core/units.ts'
import { WindowBuilder } from '../../../src/core/window-builder.ts'
import { batchesOf } from '../../../src/core/window-view.ts'
import { Outbox } from '../../../src/transport/outbox.ts'
import { ProfileUpload } from '../../../src/transport/profile-upload.ts'
import { sessionInfo } from '../../support/session.ts'
import { nightSession, sideBySide, webSession } from '../../support/sources.ts'

const SECOND = 1_000_000_000n
const never = new AbortController().signal
const sessions = [sessionInfo({ id: 0 }), sessionInfo({ id: 1 })]

/** One window of two seconds with two sessions, ten samples each. */
function windowOf(sequence: number): readonly ProfileBatch[] {
  const builder = new WindowBuilder()
  const start = BigInt(sequence) * 2n * SECOND
  for (const { id } of sessions) {
    builder.addSession(id)
    const stack = builder.addStack([builder.addFrame({ kind: 'reason', text: 'x' })], 'broken')
    for (let at = 0; at < 10; at++)
      builder.addSample(id, { time: start + 1n, pid: 1, tid: 1, cpu: 0, stack, value: 1n, comm: 'a' })
  }
  return batchesOf(builder.build({ start, end: start + 2n * SECOND, unixOffset: 0n, sequence }), sessions)
}

interface Setup {
  readonly everyMs?: number
  readonly profile?: Partial<OpenProfile>
}

async function uploading({ everyMs, profile = {} }: Setup = {}) {
  const sent: { readonly seconds: number; readonly samples: number; readonly config?: string }[] = []
  const said: string[] = []
  const profiles = { opened: 0, closed: 0 }
  const opened = (): OpenProfile => {
    let samples = 0
    profiles.opened++
    return {
      add: async ({ sessions: all, buffer }) => {
        const kept = batchesOf(buffer, all).reduce((sum, batch) => sum + batch.samples.length, 0)
        samples += kept
        return { kept, tableFull: 0 }
      },
      encode: async () => new Uint8Array(),
      payloads: async (): Promise<readonly EncodedPayload[]> => [
        { body: new Uint8Array(1), samples, profiles: 1, plainBytes: 1 },
      ],
      close: () => void profiles.closed++,
      ...profile,
    }
  }
  const accepted = { outcome: 'accepted', rejectedProfiles: 0, message: '' } as const
  const outbox = new Outbox({
    transport: { target: 'test', send: async () => accepted, close: async () => undefined },
    format: 'test',
    spool: undefined,
    clock: { now: () => performance.now(), sleep: () => new Promise(() => undefined) },
    random: () => 0,
    wallClock: () => new Date(),
    log: () => undefined,
  })
  const upload = new ProfileUpload({
    name: 'test',
    every: everyMs === undefined ? undefined : milliseconds(everyMs),
    limits: { maxBytes: 1, labels: [] },
    outbox,
    context: {
      encoder: { openProfile: opened },
      log: (_, message) => said.push(message),
      stopBy: () => performance.now() + 1_000,
    },
    encode: async ({ profile: open, sessions: of, begin, end }) => {
      const payloads = await open.payloads({ kind: 'datadog', sessions: [], compression: 'gzip' })
      return payloads.map(({ body, samples, profiles }) => {
        const config = of[0]?.config?.version
        sent.push({
          seconds: (end.getTime() - begin.getTime()) / 1_000,
          samples,
          ...(config !== undefined && { config }),
        })
        return { body, encoding: 'identity', headers: {}, format: 'test', samples, profiles }
      })
    },
  })
  await upload.start()
  return { upload, sent, said, profiles }
}

async function publish(upload: ProfileUpload, sequences: readonly number[]): Promise<void> {
  for (const sequence of sequences)
    for (const batch of windowOf(sequence)) await upload.consumeProfiles(batch, never)
}

test('without an interval each window is sent by itself, all of its sessions together', async () => {
  const { upload, sent } = await uploading()
  await publish(upload, [0, 1, 2])
  await upload.stop()
  assert.deepEqual(
    sent,
    Array.from({ length: 3 }, () => ({ seconds: 2, samples: 20 })),
  )
  assert.equal(upload.outcome().written, 60)
})

test('an interval holds whole windows of every session, however many sessions there are', async () => {
  const { upload, sent } = await uploading({ everyMs: 6_000 })
  await publish(upload, [0, 1, 2, 3, 4, 5, 6])
  await upload.stop()
  assert.deepEqual(sent, [
    { seconds: 6, samples: 60 },
    { seconds: 6, samples: 60 },
    { seconds: 2, samples: 20 },
  ])
})

test('a batch that the lane gave up while another was encoded is not sent', async () => {
  const encoding = Promise.withResolvers<void>()
  const { upload, sent } = await uploading({
    profile: {
      add: async () => {
        await encoding.promise
        return { kept: 10, tableFull: 0 }
      },
    },
  })
  const [first, second] = windowOf(0)
  assert.ok(first !== undefined && second !== undefined)
  await upload.consumeProfiles(first, never)
  const lane = new AbortController()
  const late = upload.consumeProfiles(second, lane.signal)
  lane.abort(new Error('too late'))
  await assert.rejects(late, /too late/)
  encoding.resolve()
  await upload.stop()
  assert.equal(upload.outcome().written + (upload.outcome().spooled ?? 0), sent[0]?.samples ?? 0)
  assert.equal(sent.length, 1)
})

test('what cannot be encoded is lost with what was collected before it, counted and said', async () => {
  const { upload, said } = await uploading({
    profile: { add: async () => Promise.reject(new Error('the thread died')) },
  })
  await publish(upload, [0])
  await upload.stop()
  assert.equal(upload.outcome().lost.encoder_failed, 20)
  assert.match(said.join(), /could not be collected: the thread died/)
})

async function publishAll(upload: ProfileUpload, batches: readonly ProfileBatch[]): Promise<void> {
  for (const batch of batches) await upload.consumeProfiles(batch, never)
}

test('each source has intervals of its own, in which its windows are whole', async () => {
  const { upload, sent, profiles } = await uploading({ everyMs: 20_000 })
  await publishAll(
    upload,
    sideBySide([
      { session: webSession(), windowSeconds: 10, samples: [1, 1, 1, 1, 1] },
      { session: nightSession(), windowSeconds: 4, samples: Array.from({ length: 11 }, () => 2), from: 3 },
    ]),
  )
  await upload.stop()
  const of = (version: string) =>
    sent.filter(({ config }) => config === version).map(({ seconds, samples }) => [seconds, samples])
  assert.deepEqual(of('3'), [
    [20, 2],
    [20, 2],
    [10, 1],
  ])
  assert.deepEqual(of('1'), [
    [20, 10],
    [20, 10],
    [4, 2],
  ])
  assert.deepEqual(profiles, { opened: 6, closed: 6 })
  assert.equal(upload.outcome().written, 27)
})

test('a source that ends is sent before its interval is over, and another version apart from the one before', async () => {
  const { upload, sent, profiles } = await uploading({ everyMs: 60_000 })
  const [window] = sideBySide([{ session: webSession(), windowSeconds: 10, samples: [5] }])
  const renamed = webSession({ config: { name: 'web', version: '4' } })
  const [, , second, third] = sideBySide([
    { session: renamed, windowSeconds: 10, samples: [0, 0, 4, 0], ends: true },
  ])
  assert.ok(window !== undefined && second !== undefined && third !== undefined)
  await publishAll(upload, [window, second, third])
  await upload.consumeProfiles(window, AbortSignal.abort()).catch(() => undefined)
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(
    sent.map(({ samples, config }) => [samples, config]),
    [
      [5, '3'],
      [4, '4'],
    ],
  )
  assert.deepEqual(profiles, { opened: 2, closed: 2 })
  await upload.stop()
})
