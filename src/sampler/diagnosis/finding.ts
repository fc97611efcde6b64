// What doctor says of one subject.

/**
 * `ok` works. `degraded` works, but makes profiles less true or dearer than they could be. `missing` does not work, and
 * something does not happen without it. `info` is worth knowing and nothing to repair.
 */
export type FindingState = 'ok' | 'degraded' | 'missing' | 'info'

export interface Finding {
  readonly subject: string
  readonly state: FindingState
  /** What works or does not, in a few words. */
  readonly says: string
  readonly why?: string
  /** The command or setting that would change it. */
  readonly fix?: string
}

/** Findings that are read together. */
export interface FindingGroup {
  readonly title: string
  readonly findings: readonly Finding[]
}

/** Whether somebody has something to repair. */
export const isTrouble = ({ state }: Finding): boolean => state === 'degraded' || state === 'missing'
