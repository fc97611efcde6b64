import assert from 'node:assert/strict'
import test from 'node:test'
import type { Amount, Delivery, DeliveryStats } from '../../../src/core/delivery.ts'
import {
  ACCEPTED,
  ANSWER_LOST,
  askedFor,
  BUSY,
  DOWN,
  numberOf,
  payload,
  REFUSED,
  type Setting,
  setUp,
  spoolIn,
  stopped,
  temporaryDirectory,
} from '../../support/deliveries.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { Mutations } from '../../support/mutations.ts'

const ANSWERS: readonly Delivery[] = [
  ...[ACCEPTED, ACCEPTED, ACCEPTED, DOWN, DOWN, ANSWER_LOST, REFUSED, askedFor(45_000)],
  { outcome: 'accepted', rejectedProfiles: 1, message: 'one' },
  { outcome: 'accepted', rejectedProfiles: 5, message: 'all' },
]

const sum = (amounts: readonly (Amount | undefined)[], part: keyof Amount): number =>
  amounts.reduce((total, amount) => total + (amount?.[part] ?? 0), 0)

/** What was offered in this run and left by an earlier one is all somewhere. */
function assertAddsUp(stats: DeliveryStats, offered: Amount, leftOver: Amount): void {
  const { queued, delivered, replayed, dropped, droppedReplays } = stats
  const found = [queued, delivered, replayed, ...Object.values(dropped), ...Object.values(droppedReplays)]
  for (const part of ['payloads', 'samples', 'bytes'] as const)
    assert.equal(sum(found, part), offered[part] + leftOver[part], part)
}

/** With what was dropped at once because the spool's bound is smaller than it was. */
function atStart({ queued, droppedReplays }: DeliveryStats): Amount {
  const all = [queued, ...Object.values(droppedReplays)]
  return { payloads: sum(all, 'payloads'), samples: sum(all, 'samples'), bytes: sum(all, 'bytes') }
}

/** A far side that decides by chance, and remembers what it took and which answers it lost. */
class FarSide {
  readonly took = new Map<number, number>()
  readonly accepted: number[] = []
  readonly bodies = new Map<number, string>()
  readonly draw: Mutations
  readonly #takesNever: (number: number) => boolean

  constructor(draw: Mutations, takesNever: (number: number) => boolean) {
    this.draw = draw
    this.#takesNever = takesNever
  }

  answer = (sent: ReturnType<typeof payload>): Delivery => {
    const number = numberOf(sent)
    const body = Buffer.from(sent.body).toString('hex')
    assert.equal(this.bodies.get(number) ?? body, body, 'what is sent again is the same')
    this.bodies.set(number, body)
    const drawn = ANSWERS[this.draw.below(ANSWERS.length)]!
    const delivery = this.#takesNever(number) ? BUSY : drawn
    const isAccepted = delivery.outcome === 'accepted' && delivery.rejectedProfiles < sent.profiles
    if (isAccepted) this.accepted.push(number)
    const isTaken = isAccepted || (delivery === ANSWER_LOST && this.draw.below(2) === 0)
    if (isTaken) this.took.set(number, (this.took.get(number) ?? 0) + 1)
    return delivery
  }
}

interface Run {
  readonly setting: Setting
  readonly offered: Amount
  /** Accepted by then. */
  readonly beforeStop: number
}

interface Course {
  readonly draw: Mutations
  readonly farSide: FarSide
  /** Number of the first payload. */
  readonly first: number
  /** The longest time between two payloads, in milliseconds. */
  readonly apart: number
}

async function run({ draw, farSide, first, apart }: Course, setting: Setting): Promise<Run> {
  const { outbox, clock } = setting
  let offered: Amount = { payloads: 0, samples: 0, bytes: 0 }
  await outbox.start()
  const leftOver = atStart(outbox.stats())
  setting.transport.answer = (sent) => {
    assertAddsUp(outbox.stats(), offered, leftOver)
    return farSide.answer(sent)
  }
  for (let index = 0; index < 25; index++) {
    const one = payload(first + index, { bytes: 4 + draw.below(300) })
    offered = {
      payloads: offered.payloads + 1,
      samples: offered.samples + one.samples,
      bytes: offered.bytes + one.body.length,
    }
    const taken = outbox.offer(one)
    assertAddsUp(outbox.stats(), offered, leftOver)
    if (draw.below(3) > 0) await taken
    if (draw.below(3) === 0) await clock.advance(draw.below(apart))
    assertAddsUp(outbox.stats(), offered, leftOver)
  }
  const beforeStop = setting.transport.accepted.length
  await stopped(setting, draw.below(5_000))
  assertAddsUp(outbox.stats(), offered, leftOver)
  const { queued, spooled } = outbox.stats()
  assert.deepEqual(queued, spooled, 'after the end nothing is in memory')
  return { setting, offered, beforeStop }
}

/**
 * Accepted. Where one was to be repeated more than eight times, or at the end where it would be lost, others may have had
 * their turn before it: of those that were sent once only the order says something then.
 */
function numbersInOrder({ transport }: Setting, beforeStop = Number.POSITIVE_INFINITY): number[] {
  const attempts = Map.groupBy(transport.attempts, numberOf)
  const isSmooth = [...attempts.values()].every(({ length }) => length <= 8)
  return transport.accepted
    .map(numberOf)
    .filter((number, index) => (isSmooth && index < beforeStop) || attempts.get(number)!.length === 1)
}

const SEEDS = { memory: 20, spool: 4, hopeless: 6 } as const
const KINDS = ['memory', 'spool', 'hopeless'] as const

for (const kind of KINDS) {
  test(`whatever the far side does, the account is exact at every moment, and nothing comes twice uncounted (${kind})`, async (t) => {
    let givenUp = 0
    for (let seed = 1; seed <= SEEDS[kind]; seed++) {
      const draw = new Mutations(seed)
      const farSide = new FarSide(draw, (number) => kind === 'hopeless' && number % 10 === 3)
      const directory = temporaryDirectory(t)
      const clock = new FakeClock()
      let possiblyDuplicated = 0
      for (let first = 0; first < 75; first += 25) {
        const maxBytes = 1_500 + draw.below(10_000)
        const spool = kind !== 'spool' ? undefined : spoolIn(directory, { maxBytes })
        const random = () => draw.below(1_000) / 1_000
        const setting = setUp({ spool, clock, random, memory: { maxBytes, maxPayloads: 12 } })
        const apart = kind === 'hopeless' ? 400_000 : 40_000
        const { beforeStop } = await run({ draw, farSide, first, apart }, setting)
        givenUp += setting.outbox.stats().dropped.given_up?.payloads ?? 0
        possiblyDuplicated += setting.outbox.stats().possiblyDuplicated.payloads
        const numbers = numbersInOrder(setting, kind !== 'spool' ? beforeStop : undefined)
        assert.deepEqual(
          numbers,
          [...numbers].sort((a, b) => a - b),
          'in order',
        )
        assert.ok(setting.transport.mostUnderWay <= 1)
      }
      const { accepted } = farSide
      assert.equal(new Set(accepted).size, accepted.length, 'what was accepted is never sent again')
      // One that was taken unnoticed, but never accepted, counts as dropped.
      const twice = accepted.filter((number) => (farSide.took.get(number) ?? 0) > 1).length
      assert.ok(
        twice <= possiblyDuplicated,
        `seed ${seed}: ${twice} came twice, ${possiblyDuplicated} counted`,
      )
    }
    assert.equal(givenUp > 0, kind === 'hopeless', `${givenUp} were given up`)
  })
}
