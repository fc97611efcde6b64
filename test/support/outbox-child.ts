// A process that offers payloads to an outbox until it is killed: DIRECTORY, and what the endpoint does: `down`, `hang` or
// `accept`. It prints `offered N` when payload N has been taken over, and `sending N` when an attempt begins.

import { writeSync } from 'node:fs'
import { systemClock } from '../../src/base/clock.ts'
import { Outbox } from '../../src/transport/outbox.ts'
import { ACCEPTED, DOWN, FORMAT, HANGS, numberOf, payload, ScriptedTransport, spoolIn } from './deliveries.ts'

const [directory = '', endpoint = ''] = process.argv.slice(2)
const say = (text: string): void => {
  writeSync(1, `${text}\n`)
}
const transport = new ScriptedTransport((sent, signal) => {
  say(`sending ${numberOf(sent)}`)
  if (endpoint === 'accept') return ACCEPTED
  return endpoint === 'hang' ? HANGS(sent, signal) : DOWN
})
const outbox = new Outbox({
  ...{ transport, format: FORMAT, spool: spoolIn(directory), clock: systemClock, random: Math.random },
  wallClock: () => new Date(),
  log: () => undefined,
})
await outbox.start()
for (let number = 1; ; number++) {
  await outbox.offer(payload(number, { bytes: 20_000 }))
  say(`offered ${number}`)
}
