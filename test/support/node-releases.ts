// Releases of Node.js whose functions are to be named: the machine's own where it is one of them, and npm's packages of
// node's binary, which are fetched once into build/workloads.

import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './sonde.ts'

const root = join(import.meta.dirname, '../..')
const ARCHITECTURE = process.arch === 'arm64' ? 'arm64' : 'x64'

/** The path of a node of that release line, or why there is none. */
export function nodeOf(major: number): { readonly path?: string; readonly skip?: string } {
  const fetched = join(root, 'build/workloads', `node-${major}`)
  const candidates = [
    join(root, 'node_modules', `node-linux-${ARCHITECTURE}`, 'bin/node'),
    'node',
    join(fetched, 'package/bin/node'),
  ]
  for (const path of candidates) if (isOf(path, major)) return { path }
  fetch(major, fetched)
  const path = candidates.at(-1) as string
  return isOf(path, major) ? { path } : { skip: `needs Node.js ${major}, which npm could not fetch` }
}

function isOf(path: string, major: number): boolean {
  if (path.includes('/') && !existsSync(path)) return false
  const asked = run('sh', ['-c', '"$0" --version', path])
  return asked.status === 0 && asked.stdout.startsWith(`v${major}.`)
}

function fetch(major: number, into: string): void {
  rmSync(into, { recursive: true, force: true })
  mkdirSync(into, { recursive: true })
  const packed = run('npm', ['pack', '--silent', `node-linux-${ARCHITECTURE}@${major}`], { cwd: into })
  if (packed.status !== 0) return
  const archive = packed.stdout.trim().split('\n').at(-1) ?? ''
  run('tar', ['xzf', archive, 'package/bin/node'], { cwd: into })
  rmSync(join(into, archive), { force: true })
}
