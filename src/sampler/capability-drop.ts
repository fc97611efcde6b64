// What Sonde does without: its children have none of its capabilities, and under --lock-down it has none itself.

import { AgentError, messageOf } from '../core/errors.ts'
import type { CapabilityDrop, NativeAddon, NativeDropReport } from '../native/binding.ts'
import { type CapabilityName, readCapabilities } from './capabilities.ts'

type Drops = Pick<NativeAddon, 'dropCapabilities'>

/**
 * Who is started from now on. `commands`: those of somebody else, which get nothing from Sonde and have what they would have
 * without it: root's are root's. `helpers`: Sonde's own only, which need nothing.
 */
export type Children = 'commands' | 'helpers'

/** Returns what could not be done, in a sentence each: the agent runs on. */
export function leaveNothingTo(children: Children, addon: Drops): readonly string[] {
  try {
    const report = addon.dropCapabilities(dropFor(children))
    return report.failed.length === 0
      ? []
      : [`Programs that Sonde starts may get its capabilities: ${failuresOf(report)}.`]
  } catch (error) {
    return [`Programs that Sonde starts may get its capabilities: ${messageOf(error)}.`]
  }
}

function dropFor(children: Children): CapabilityDrop {
  switch (children) {
    case 'commands':
      return 'inherited'
    case 'helpers':
      return 'bounding'
  }
}

/**
 * Drops every capability for good; open events, files and sockets stay open. Returns what then stops working, in a sentence.
 * @param status /proc/self/status before it
 * @throws AgentError `LOCK_DOWN.FAILED` where a thread has some left: who asks for this relies on it
 */
export function lockDown(addon: Drops, status: string): string {
  const report = dropAll(addon)
  if (report.failed.length > 0) throw notLocked(failuresOf(report))
  return lockDownNotice(readCapabilities(status))
}

function dropAll(addon: Drops): NativeDropReport {
  try {
    return addon.dropCapabilities('all')
  } catch (error) {
    throw notLocked(messageOf(error), error)
  }
}

const notLocked = (why: string, cause?: unknown): AgentError =>
  new AgentError(
    'LOCK_DOWN.FAILED',
    `Cannot lock down: some thread has capabilities left: ${why}.\nStart again, or without lock-down.`,
    { cause },
  )

const failuresOf = ({ failed }: NativeDropReport): string =>
  failed.map(({ tid, name, reason }) => `thread ${tid} (${name}): ${reason}`).join('; ')

/** What each of the four served until now and serves no longer. */
const STOPPED: Readonly<Record<CapabilityName, string>> = {
  CAP_PERFMON: 'CPUs that come later are not sampled',
  CAP_BPF: 'before Linux 5.19 the rules of what is sampled can no longer change',
  CAP_SYS_PTRACE:
    "of other users' processes, files that only they can see and names of code made at run time are not read any more",
  CAP_SYSLOG: 'kernel modules that are loaded later have no names',
}

/** @param held those that were in force */
export function lockDownNotice(held: ReadonlySet<CapabilityName>): string {
  const stopped = [...held].map((name) => STOPPED[name])
  const consequence = stopped.length === 0 ? 'nothing stops working, for there were none' : stopped.join('; ')
  return `Locked down, without any capability from now on: ${consequence}.`
}
