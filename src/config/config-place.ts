// Where the directory of configurations is, if there is one.

import { statSync } from 'node:fs'

/** The second one is where the predecessor's is mounted. */
export const CONFIG_DIRECTORIES: readonly string[] = ['/etc/sonde/agent', '/etc/antimetal/agent']

/**
 * The directory that somebody named; else the first of the usual ones that exists, unless a configuration file was named: who
 * names one means it.
 */
export function configDirectory(
  named: string | undefined,
  file: string | undefined,
  candidates: readonly string[] = CONFIG_DIRECTORIES,
): string | undefined {
  if (named !== undefined) return named
  return file === undefined ? candidates.find(isDirectory) : undefined
}

const isDirectory = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
