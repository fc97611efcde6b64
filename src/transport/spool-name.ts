// The names of the spool's files say what is in them: the samples of a file that cannot be read any more are still known.

/** `sending`: an attempt began, and nothing says that the far side did not take the payload. */
export type SpoolState = 'waiting' | 'sending'

export interface SpoolName {
  /** The order of arrival, over all runs. */
  readonly sequence: number
  readonly samples: number
  readonly profiles: number
  readonly bodyBytes: number
  readonly state: SpoolState
}

/** Being written; after a crash it is of no use. */
const UNFINISHED = '.part'
const NAME = /^(\d{12,15})-(\d{1,15})samples-(\d{1,15})profiles-(\d{1,10})bytes\.(waiting|sending)$/

/** `000000000042-1200samples-3profiles-4096bytes.waiting` */
export const spoolName = ({ sequence, samples, profiles, bodyBytes, state }: SpoolName): string =>
  `${String(sequence).padStart(12, '0')}-${samples}samples-${profiles}profiles-${bodyBytes}bytes.${state}`

/** Undefined where it is no name of ours. */
export function parseSpoolName(name: string): SpoolName | undefined {
  const [, sequence, samples, profiles, bodyBytes, state] = NAME.exec(name) ?? []
  if (state === undefined) return undefined
  return {
    sequence: Number(sequence),
    samples: Number(samples),
    profiles: Number(profiles),
    bodyBytes: Number(bodyBytes),
    state: state === 'sending' ? 'sending' : 'waiting',
  }
}

export const unfinishedName = (name: string): string => name + UNFINISHED

export const isUnfinished = (name: string): boolean =>
  name.endsWith(UNFINISHED) && parseSpoolName(name.slice(0, -UNFINISHED.length)) !== undefined
