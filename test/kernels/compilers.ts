// The BPF objects as every compiler makes them that Sonde may be built with: kernels refuse what one of them does to a
// bound and another does not.

import { globSync, mkdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { isInstalled } from '../support/sonde.ts'
import { type Check, checked } from './check.ts'
import { outputOf } from './programs.ts'

const NATIVE = join(import.meta.dirname, '../../native')

export interface CompiledObjects {
  /** One directory per compiler, with the objects in it. */
  readonly directory: string
  readonly checks: readonly Check[]
}

/** Compiles every program below native/bpf with each compiler, as native/CMakeLists.txt does, and loads it here. */
export function compileObjects(compilers: readonly string[], directory: string): CompiledObjects {
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  const sources = globSync(join(NATIVE, 'bpf/*.bpf.c'))
  const checks = compilers.flatMap((compiler): Check[] => {
    if (!isInstalled(compiler))
      return [
        { subject: compiler, outcome: 'skipped', detail: 'it is not installed, and Debian has none here' },
      ]
    mkdirSync(join(directory, compiler))
    return sources.flatMap((source) => compiled(compiler, source, join(directory, compiler)))
  })
  return { directory, checks }
}

function compiled(compiler: string, source: string, directory: string): Check[] {
  const object = join(directory, basename(source, '.c').concat('.o'))
  const subject = `${compiler}: ${basename(source)}`
  const compiles = checked(`${subject} compiles`, () => {
    outputOf(compiler, [
      ...['-g', '-O2', '-Wall', '-Wextra', '-Werror', '-target', 'bpf', '-mcpu=v3', '-D__TARGET_ARCH_x86'],
      ...['-I', join(NATIVE, 'bpf'), '-c', source, '-o', object],
    ])
  })
  if (compiles.outcome !== 'ok') return [compiles]
  return [compiles, loadedHere(`${subject} loads on this kernel`, object)]
}

/** In a namespace of its own, so that nothing stays mounted or pinned. */
function loadedHere(subject: string, object: string): Check {
  if (process.getuid?.() !== 0) return { subject, outcome: 'skipped', detail: 'loading needs root' }
  const script = 'mount -t bpf bpf /sys/fs/bpf && exec bpftool prog loadall "$1" /sys/fs/bpf/object'
  return checked(subject, () => {
    outputOf('unshare', ['--mount', 'sh', '-c', script, 'sh', object])
  })
}
