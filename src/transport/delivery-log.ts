// What an outbox says: when something begins and when it is over, each cause once.

import type { Clock } from '../base/clock.ts'
import type { ConsumerContext } from '../core/consumer-context.ts'
import { type Amount, DROP_REASONS, type DropReason } from '../core/delivery.ts'
import { messageOf } from '../core/errors.ts'
import { Episode } from './episode.ts'

/** Distinct texts of the far side that are remembered; it may make up a new one each time. */
const MAX_CAUSES = 32
/** Of one text, in characters. */
const MAX_CAUSE_LENGTH = 500

export interface DeliveryLogOptions {
  readonly target: string
  /** In words: where payloads are kept while they cannot be delivered. */
  readonly keptIn: string
  readonly clock: Clock
  readonly log: ConsumerContext['log']
}

export class DeliveryLog {
  readonly #options: DeliveryLogOptions
  readonly #outage: Episode
  readonly #spoolFailure: Episode
  readonly #losses: Readonly<Record<DropReason, Episode>>
  readonly #causes = new Set<string>()
  #droppedBefore = 0

  constructor(options: DeliveryLogOptions) {
    const { clock } = options
    this.#options = options
    this.#outage = new Episode(clock)
    this.#spoolFailure = new Episode(clock)
    const episodes = Object.keys(DROP_REASONS).map((reason) => [reason, new Episode(clock)])
    this.#losses = Object.fromEntries(episodes) as Record<DropReason, Episode>
  }

  foundLeftOver({ payloads, samples }: Amount): void {
    if (payloads === 0) return
    const { target, keptIn } = this.#options
    this.#say(
      'info',
      `An earlier run left ${payloads} payloads (${samples} samples) for ${target} in ${keptIn}: they are sent first.`,
    )
  }

  /** @param dropped everything so far */
  cannotDeliver(reason: string, dropped: Amount): void {
    const { target, keptIn } = this.#options
    if (!this.#outage.goesOn()) return
    this.#droppedBefore = dropped.payloads
    this.#say('warn', `Cannot deliver to ${target}: ${shortened(reason)}. Payloads are kept in ${keptIn}.`)
  }

  /**
   * @param queued how many payloads
   * @param dropped everything so far
   */
  delivers(queued: number, dropped: Amount): void {
    const lastedMs = this.#outage.isOver()
    if (lastedMs === undefined) return
    const seconds = Math.round(lastedMs / 1_000)
    const lost = dropped.payloads - this.#droppedBefore
    this.#say(
      'info',
      `${this.#options.target} takes payloads again after ${seconds} s: ${queued} wait to be sent, ${lost} were dropped meanwhile.`,
    )
  }

  dropped(reason: DropReason): void {
    if (this.#losses[reason].goesOn())
      this.#say('error', `Payloads for ${this.#options.target} ${DROP_REASONS[reason]}.`)
  }

  /** Nothing waits any more: what is dropped from now on is another story. */
  isEmpty(): void {
    for (const episode of Object.values(this.#losses)) episode.isOver()
  }

  spoolFails(error: unknown): void {
    if (!this.#spoolFailure.goesOn()) return
    const consequence = 'Payloads stay in memory until it works, and are lost if the agent is killed.'
    const remedy = 'Free space, or check the file system and the permissions.'
    this.#say('error', `Cannot write to the spool: ${messageOf(error)}. ${consequence} ${remedy}`)
  }

  spoolWorks(): void {
    if (this.#spoolFailure.isOver() !== undefined) this.#say('info', 'The spool can be written to again.')
  }

  spoolIsStuck(error: unknown): void {
    this.#once(
      'error',
      `Cannot rename or remove a file of the spool: ${messageOf(error)}. What was sent may be sent again after a restart.`,
    )
  }

  refused(reason: string): void {
    this.#once('error', `${this.#options.target} refuses payloads: ${shortened(reason)}. They are dropped.`)
  }

  /** Where it took a payload and had something to say about it. */
  remarked(message: string): void {
    this.#once('warn', `${this.#options.target} took a payload and says: ${shortened(message)}`)
  }

  cannotKeepRefused(error: unknown): void {
    this.#once('warn', `Cannot keep a refused payload for inspection: ${messageOf(error)}.`)
  }

  #once(level: 'warn' | 'error', text: string): void {
    if (this.#causes.has(text) || this.#causes.size > MAX_CAUSES) return
    this.#causes.add(text)
    if (this.#causes.size <= MAX_CAUSES) this.#say(level, text)
    else this.#say('warn', `${this.#options.target} gives ever new reasons: further ones are not said.`)
  }

  #say(level: 'info' | 'warn' | 'error', message: string): void {
    this.#options.log(level, message, { target: this.#options.target })
  }
}

const shortened = (text: string): string =>
  text.length <= MAX_CAUSE_LENGTH ? text : `${text.slice(0, MAX_CAUSE_LENGTH)}…`
