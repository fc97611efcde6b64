// Payloads and an endpoint for tests of delivery.

import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Delivery, Payload, Transport } from '../../src/core/delivery.ts'
import { milliseconds } from '../../src/core/units.ts'
import { Outbox, type OutboxOptions } from '../../src/transport/outbox.ts'
import { SPOOL_DEFAULTS, Spool, type SpoolOptions } from '../../src/transport/spool.ts'
import { FakeClock } from './fake-clock.ts'

export const FORMAT = 'test-1'
export const TARGET = 'http://collector.test:4318'

export const ACCEPTED: Delivery = { outcome: 'accepted', rejectedProfiles: 0, message: '' }
export const REFUSED: Delivery = { outcome: 'refused', reason: '400 Bad Request: no' }
export const DOWN: Delivery = {
  outcome: 'retry',
  after: undefined,
  reason: 'connection refused',
  perhapsTaken: false,
  reached: false,
}
export const BUSY: Delivery = { ...DOWN, reason: '503', reached: true }
export const ANSWER_LOST: Delivery = { ...BUSY, reason: 'the answer was lost', perhapsTaken: true }
export const askedFor = (ms: number): Delivery => ({ ...BUSY, after: milliseconds(ms) })

/** Its body is made from its number, and as long as `bytes` says. */
export function payload(
  number: number,
  { bytes = 100, ...changes }: Partial<Payload> & { bytes?: number } = {},
): Payload {
  const block = createHash('sha256').update(`${number}`).digest()
  const body = Buffer.alloc(bytes, block)
  body.writeUInt32LE(number)
  return {
    body,
    encoding: 'gzip',
    headers: { 'content-type': 'application/x-protobuf', 'x-number': `${number}` },
    format: FORMAT,
    samples: 10 + number,
    profiles: 2,
    ...changes,
  }
}

export const numberOf = ({ body }: Payload): number => Buffer.from(body).readUInt32LE()

type Answer = (payload: Payload, signal: AbortSignal) => Delivery | Promise<Delivery>

/** Answers as the test says, and remembers. */
export class ScriptedTransport implements Transport {
  readonly target = TARGET
  answer: Answer
  readonly attempts: Payload[] = []
  readonly accepted: Payload[] = []
  underWay = 0
  mostUnderWay = 0
  closed = 0

  constructor(answer: Answer = () => ACCEPTED) {
    this.answer = answer
  }

  async send(sent: Payload, signal: AbortSignal): Promise<Delivery> {
    this.attempts.push(sent)
    this.underWay++
    this.mostUnderWay = Math.max(this.mostUnderWay, this.underWay)
    try {
      const delivery = await this.answer(sent, signal)
      if (delivery.outcome === 'accepted') this.accepted.push(sent)
      return delivery
    } finally {
      this.underWay--
    }
  }

  async close(): Promise<void> {
    this.closed++
  }
}

export const HANGS: Answer = () => new Promise(() => undefined)

export function temporaryDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'sonde-delivery-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

export const spoolIn = (directory: string, changes: Partial<SpoolOptions> = {}): Spool =>
  new Spool({ directory, ...SPOOL_DEFAULTS, ...changes })

export interface Setting {
  readonly outbox: Outbox
  readonly transport: ScriptedTransport
  readonly clock: FakeClock
  /** What was logged, with the level before it. */
  readonly lines: string[]
}

/** An outbox that has not been started; memory only unless told otherwise. It waits the whole backoff each time. */
export function setUp(
  changes: Partial<OutboxOptions> & { readonly answer?: Answer; readonly clock?: FakeClock } = {},
): Setting {
  const { answer, clock = new FakeClock(), ...over } = changes
  const transport = new ScriptedTransport(answer)
  const lines: string[] = []
  const outbox = new Outbox({
    ...{
      transport,
      clock,
      format: FORMAT,
      spool: undefined,
      random: () => 0.999,
      wallClock: clock.wallClock,
    },
    log: (level, message) => lines.push(`${level}: ${message}`),
    ...over,
  })
  return { outbox, transport, clock, lines }
}

/** Stops, letting time pass where it has to. */
export async function stopped({ outbox, clock }: Setting, withinMs = 8_000): Promise<void> {
  let over = false
  const stopping = outbox.stop(clock.now() + withinMs).then(() => {
    over = true
  })
  await clock.passUntil(() => over)
  await stopping
}
