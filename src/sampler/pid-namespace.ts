// In which pid namespace this process is: BPF programs see the kernel's own numbers of processes.

import { readlinkSync } from 'node:fs'

/** Inode of /proc/self/ns/pid in the first namespace (PROC_PID_INIT_INO). */
const FIRST = 0xefff_fffc

/** `link`: what /proc/self/ns/pid points to; '' where it cannot be read, which is taken for the first. */
export const isFirstPidNamespace = (link: string): boolean => link === '' || link === `pid:[${FIRST}]`

export function readPidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return ''
  }
}
