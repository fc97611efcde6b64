import { ProfileAggregate, type SessionProfile } from '../../src/formats/profile/profile-aggregate.ts'
import { type TestWindow, windowOf } from './profile-window.ts'
import { sessionInfo } from './session.ts'

export const ROOMY = { maxBytes: 64 * 1024 * 1024, labels: [] } as const

/** The windows' profile of one session (by default the windows' usual one). */
export function profileOf(
  windows: readonly TestWindow[],
  session: number = sessionInfo().id,
): SessionProfile {
  const aggregate = new ProfileAggregate(ROOMY)
  for (const window of windows) aggregate.add(windowOf(window))
  const profile = aggregate.session(session)
  if (profile === undefined) throw new Error(`the windows have no session ${session}`)
  return profile
}
