// A session as Datadog takes it: one pprof for each service.

import type { EncodedPayload } from '../../core/encoder.ts'
import type { SessionProfile } from '../profile/profile-aggregate.ts'
import { DATADOG_PPROF } from './dialect.ts'
import { encodePprof } from './pprof.ts'
import { rowsByService } from './services.ts'

/** In order of the services' names; each says whose it is (EncodedPayload.about). */
export const encodeServiceProfiles = (
  profile: SessionProfile,
  compress: (bytes: Uint8Array) => Uint8Array,
): EncodedPayload[] =>
  rowsByService(profile).map(({ rows, samples, ...whose }) => {
    const bytes = encodePprof(profile, rows, DATADOG_PPROF)
    const { session, unixStart: start, duration } = profile
    return {
      body: compress(bytes),
      samples,
      profiles: 1,
      plainBytes: bytes.length,
      about: { session: session.id, ...whose, start, end: start + duration },
    }
  })
