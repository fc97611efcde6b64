/** What reading a file of a process's memory came to. `slow`: it took too long, and was given up. */
export type MemoryReading =
  | { readonly outcome: 'read'; readonly bytes: Uint8Array }
  | { readonly outcome: 'denied' | 'gone' | 'slow' }

/** What /proc says of live processes. What the kernel answers by itself is read at once, what lies in the process's memory is not. */
export interface ProcessFiles {
  /** CLOCK_BOOTTIME less CLOCK_MONOTONIC, ns: how long the machine slept. Told to 10 ms. */
  sleptFor(): bigint
  /** /proc/PID/stat; undefined: no such process. */
  stat(pid: number): string | undefined
  /** /proc/PID/cgroup; undefined: no such process. */
  cgroup(pid: number): string | undefined
  /** Where /proc/PID/exe leads; undefined: nowhere, or it may not be asked. */
  executable(pid: number): string | undefined
  /** The first bytes of /proc/PID/cmdline. They are there until the next question. */
  commandLine(pid: number): Promise<MemoryReading>
  /** The first bytes of /proc/PID/environ, likewise. Whoever asks overwrites them. */
  environment(pid: number): Promise<MemoryReading>
}
