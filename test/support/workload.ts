// Compiles the programs of test/workloads: load with a known truth.

import { spawnSync } from 'node:child_process'
import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

const sources = join(import.meta.dirname, '../workloads')
const built = join(import.meta.dirname, '../../build/workloads')

/** Path of the compiled program; compiled when its source is newer. Frame pointers are kept. */
export const workload = (name: string): string =>
  made(name, `${name}.c`, (source, program) => [
    'cc',
    ...['-O1', '-g', '-fno-omit-frame-pointer', '-fno-optimize-sibling-calls'],
    ...['-Wall', '-Werror', '-pthread', '-o', program, source],
  ])

/** Path of a source, below test/workloads. */
export const workloadSource = (name: string): string => join(sources, name)

/** Path of what a command makes of a source; made anew when the source is newer. */
export function made(
  name: string,
  sourceName: string,
  commandFor: (source: string, program: string) => readonly string[],
): string {
  const source = workloadSource(sourceName)
  const program = join(built, name)
  if (modified(program) > modified(source)) return program
  mkdirSync(built, { recursive: true })
  const [command = '', ...args] = commandFor(source, program)
  const result = spawnSync(command, args, { encoding: 'utf8' })
  if (result.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${result.error ?? result.stderr}`)
  return program
}

const modified = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
