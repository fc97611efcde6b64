import type { HostInfo } from '../../src/core/host.ts'
import { type SessionInfo, WHOLE_STACKS } from '../../src/core/profile.ts'
import { hertz } from '../../src/core/units.ts'

export const testHost: HostInfo = {
  hostname: 'node-1',
  osRelease: '6.18.0',
  arch: 'x86_64',
  cpusAvailable: 2,
  cpusOnline: 2,
  cpuDescription: 'Test CPU',
  cpuId: 'GenuineIntel,6,85,7',
  totalMemoryKb: 1_048_576n,
  kernel: undefined,
}

/** A session as the sampler would describe it; change what the test is about. */
export const sessionInfo = (changes: Partial<SessionInfo> = {}): SessionInfo => ({
  id: 0,
  source: 0,
  event: {
    name: 'cpu-clock',
    type: 1,
    config: 0n,
    unit: 'nanoseconds',
    excludeUser: false,
    excludeKernel: false,
  },
  rate: { by: 'frequency', hertz: hertz(99) },
  config: null,
  cpus: [0, 1],
  callGraph: { method: 'dwarf', stackBytes: 8192 },
  maxStack: 127,
  inherit: false,
  stackParts: WHOLE_STACKS,
  tellsCgroups: false,
  host: testHost,
  commandLine: ['sonde', 'record'],
  ...changes,
})
