/** The part of a consumer's context that only consumers who send look at: none of it is there. */
export const ALONE = {
  spoolDirectory: undefined,
  sourceWaits: false,
  environment: {},
  stopBy: () => undefined,
  clockOffset: () => 0n,
} as const
