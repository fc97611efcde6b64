// Whom the samples of a test's batch belong to.

import type { WindowSource } from '../../src/core/encoder.ts'
import type { ProfileBatch } from '../../src/core/profile.ts'
import type { ProcessResource, SampleResources } from '../../src/core/resource.ts'
import { batchesOf } from '../../src/core/window-view.ts'
import { UNKNOWN_RESOURCE } from '../../src/formats/profile/resource-table.ts'

/** By process; those that are not among them are unknown. */
export type ResourcesByPid = Readonly<Record<number, Partial<ProcessResource>>>

export function resourcesOf(batch: ProfileBatch, byPid: ResourcesByPid): SampleResources {
  const pids = Object.keys(byPid).map(Number)
  const table = [UNKNOWN_RESOURCE, ...pids.map((pid) => ({ ...UNKNOWN_RESOURCE, pid, ...byPid[pid] }))]
  const ofSample = Uint32Array.from(batch.samples.pid, (pid) => pids.indexOf(pid) + 1)
  return { table, ofSample }
}

export const withResources = (batch: ProfileBatch, byPid: ResourcesByPid): ProfileBatch => ({
  ...batch,
  resources: resourcesOf(batch, byPid),
})

/** The same of a window of one session. */
export function windowWithResources(window: WindowSource, byPid: ResourcesByPid): WindowSource {
  const [batch] = batchesOf(window.buffer, window.sessions, { names: window.names })
  if (batch === undefined) throw new Error('the window has no batch')
  return { ...window, resources: new Map([[batch.session.id, resourcesOf(batch, byPid)]]) }
}
