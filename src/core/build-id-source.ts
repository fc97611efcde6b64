// Who tells which build of a file is mapped.

/**
 * `kernel`: with each mapping, even of processes that have ended. `files`: their headers, while a process has them mapped;
 * nothing is asked of the kernel that marks the mmap records of others (docs/decisions/0033).
 */
export type BuildIdSource = 'kernel' | 'files'

export const BUILD_ID_SOURCES = ['kernel', 'files'] as const satisfies readonly BuildIdSource[]
