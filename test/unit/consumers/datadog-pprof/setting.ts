// datadog_pprof as tests open it.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { datadogPprof } from '../../../../src/consumers/datadog-pprof/index.ts'
import type { ProfileConsumer } from '../../../../src/core/consumer.ts'
import type { ConsumerContext } from '../../../../src/core/consumer-context.ts'
import type { ProfileBatch } from '../../../../src/core/profile.ts'
import { ALONE } from '../../../support/alone.ts'
import { localEncoder } from '../../../support/encoder.ts'
import type { ReceivedRequest } from '../../../support/intake.ts'
import { type ReadPart, readMultipart } from '../../../support/multipart-reader.ts'

export interface Setting {
  readonly directory: string
  /** What was logged, with its fields. */
  readonly lines: string[]
  readonly open: (section: object, environment?: ConsumerContext['environment']) => ProfileConsumer
}

export function setting(t: TestContext): Setting {
  const directory = mkdtempSync(join(tmpdir(), 'sonde-datadog-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const lines: string[] = []
  const open: Setting['open'] = (section, environment = {}) =>
    datadogPprof.configure(
      section,
      'test',
    )({
      ...ALONE,
      ...{
        version: '0.9.8',
        dataDirectory: directory,
        spoolDirectory: join(directory, 'spool'),
        environment,
      },
      tryLock: () => true,
      encodeSamples: () => Promise.reject(new Error('no use for perf.data')),
      log: (level, message, fields) =>
        void lines.push(`${level}: ${message} ${JSON.stringify(fields ?? {})}`),
      encoder: localEncoder,
    })
  return { directory, lines, open }
}

/** Starts, takes the batches, stops: what it collected is sent then. */
export async function sent(consumer: ProfileConsumer, batches: readonly ProfileBatch[]): Promise<void> {
  await consumer.start()
  await given(consumer, batches)
  await consumer.stop()
}

export async function given(consumer: ProfileConsumer, batches: readonly ProfileBatch[]): Promise<void> {
  for (const batch of batches) await consumer.consumeProfiles(batch, new AbortController().signal)
}

export interface ReadUpload {
  readonly parts: readonly ReadPart[]
  readonly event: Readonly<Record<string, unknown>>
  /** Keys may occur more than once. */
  readonly tags: readonly string[]
  readonly profile: Buffer
}

export function readUpload({ headers, body }: ReceivedRequest): ReadUpload {
  const parts = readMultipart(headers['content-type'] ?? '', body)
  const [event, profile] = parts
  const document = JSON.parse(event?.bytes.toString('utf8') ?? '') as Record<string, unknown>
  return {
    parts,
    event: document,
    tags: String(document.tags_profiler).split(','),
    profile: profile?.bytes ?? Buffer.alloc(0),
  }
}

/** Resolves when it is so: what leads there is under way. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 1))
}
