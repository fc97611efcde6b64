import type { Amount, Payload } from '../core/delivery.ts'
import type { SpoolFile } from './spool.ts'

/** A payload that has been taken over and is not settled yet. */
export interface Waiting {
  /** The order of arrival, over all runs. */
  readonly sequence: number
  readonly samples: number
  readonly profiles: number
  /** Of its body. */
  readonly bytes: number
  readonly from: 'this_run' | 'earlier_run'
  readonly created: Date
  /** Where it is on disk; undefined: only in memory. */
  file: SpoolFile | undefined
  /** Undefined while it is only on disk. */
  payload: Payload | undefined
  /** It is being written: nobody else may touch it. */
  isBusy: boolean
  /** It has waited for the far side to recover, and so keeps to the rate of replays. */
  isReplay: boolean
  /** The far side may have taken it. */
  perhapsTaken: boolean
  /** How often it had to stand back, because others were taken while it was not. */
  timesPassed: number
}

export const NOTHING: Amount = { payloads: 0, samples: 0, bytes: 0 }

export const plus = (
  amount: Amount,
  { samples, bytes }: { readonly samples: number; readonly bytes: number },
): Amount => ({
  payloads: amount.payloads + 1,
  samples: amount.samples + samples,
  bytes: amount.bytes + bytes,
})

export const amountOf = (all: readonly Waiting[]): Amount => all.reduce<Amount>(plus, NOTHING)
