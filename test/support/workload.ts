// Compiles the programs of test/workloads: load with a known truth.

import { spawnSync } from 'node:child_process'
import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

const sources = join(import.meta.dirname, '../workloads')
const built = join(import.meta.dirname, '../../build/workloads')

/** Path of the compiled program; compiled when its source is newer. Frame pointers are kept. */
export function workload(name: string): string {
  const source = join(sources, `${name}.c`)
  const program = join(built, name)
  if (modified(program) > modified(source)) return program
  mkdirSync(built, { recursive: true })
  const flags = [
    '-O1',
    '-g',
    '-fno-omit-frame-pointer',
    '-fno-optimize-sibling-calls',
    '-Wall',
    '-Werror',
    '-pthread',
  ]
  const result = spawnSync('cc', [...flags, '-o', program, source], { encoding: 'utf8' })
  if (result.status !== 0) throw new Error(`cc ${source}: ${result.stderr}`)
  return program
}

const modified = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
