// Looks at this machine for doctor. Whatever cannot be read is a fact, too.

import { closeSync, openSync, readSync } from 'node:fs'
import { machine, release } from 'node:os'
import { errnoOf, messageOf } from '../../core/errors.ts'
import type { NativeAddon } from '../../native/binding.ts'
import { loadAddon } from '../../native/load.ts'
import { findCgroups } from '../cgroups.ts'
import { EVENT_PLACES } from '../events/places.ts'
import { cpuPmus } from '../events/pmu.ts'
import { onlineCpus } from '../host.ts'
import { readPidNamespace } from '../pid-namespace.ts'
import { FACT_FILES, type FactFile, type FileText, type MachineFacts, type NativeFacts } from './facts.ts'

/** Enough for every file of FACT_FILES but kallsyms, whose first lines tell what its last ones would. */
const MAX_BYTES = 256 * 1024

/** Files first: trying raises a limit that one of them states. */
export async function readFacts(
  load: () => Pick<NativeAddon, 'probeBpf'> = loadAddon,
): Promise<MachineFacts> {
  const names = Object.keys(FACT_FILES) as FactFile[]
  const files = Object.fromEntries(names.map((name) => [name, readStart(FACT_FILES[name])])) as Record<
    FactFile,
    FileText
  >
  return {
    release: release(),
    architecture: machine(),
    uid: process.getuid?.() ?? 0,
    cpus: onlineCpus().length,
    pmus: cpuPmus(EVENT_PLACES),
    pidNamespace: readPidNamespace(),
    hierarchy: findCgroups([]).hierarchy,
    files,
    native: await nativeFacts(load),
  }
}

async function nativeFacts(load: () => Pick<NativeAddon, 'probeBpf'>): Promise<NativeFacts> {
  try {
    return { probes: await load().probeBpf() }
  } catch (error) {
    return { problem: messageOf(error) }
  }
}

/** Files of /proc and /sys have no size: they are read until they end, or until enough is read. */
export function readStart(path: string): FileText {
  let fd: number | undefined
  try {
    fd = openSync(path, 'r')
    const bytes = Buffer.allocUnsafe(MAX_BYTES)
    let filled = 0
    for (;;) {
      const count = readSync(fd, bytes, filled, MAX_BYTES - filled, null)
      filled += count
      if (count === 0 || filled === MAX_BYTES) break
    }
    return { text: bytes.toString('latin1', 0, filled) }
  } catch (error) {
    return { error: errnoOf(error) ?? messageOf(error) }
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}
