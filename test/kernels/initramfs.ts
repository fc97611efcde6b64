// The initramfs that a guest starts from: busybox, init.sh and the modules that its root needs.

import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import type { Kernel } from './image.ts'
import { outputOf } from './programs.ts'

/** What the guest needs to see this machine's root; what they depend on is found. */
const MODULES: readonly string[] = ['virtio_pci', '9p', '9pnet_virtio', 'overlay']

/** Writes it to a file; `/modules/order` lists the modules as they load. */
export function writeInitramfs(kernel: Kernel, file: string): void {
  const root = `${file}.d`
  rmSync(root, { recursive: true, force: true })
  for (const part of ['bin', 'dev', 'proc', 'sys', 'mnt', 'root', 'modules'])
    mkdirSync(join(root, part), { recursive: true })
  copyFileSync(busybox(), join(root, 'bin/busybox'))
  symlinkSync('busybox', join(root, 'bin/sh'))
  copyFileSync(join(import.meta.dirname, 'init.sh'), join(root, 'init'))
  chmodSync(join(root, 'init'), 0o755)
  const modules = modulesOf(kernel)
  for (const module of modules) writeFileSync(join(root, 'modules', plainName(module)), plainModule(module))
  writeFileSync(join(root, 'modules/order'), modules.map((module) => `${plainName(module)}\n`).join(''))
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' }).join('\n')
  writeFileSync(
    file,
    outputOf('cpio', ['--create', '--format=newc', '--quiet'], { cwd: root, input: Buffer.from(names) }),
  )
  rmSync(root, { recursive: true })
}

const busybox = (): string => {
  const found = ['/usr/bin/busybox', '/bin/busybox'].find((path) => existsSync(path))
  if (found === undefined) throw new Error('there is no busybox')
  return found
}

/** Files, in order. What is built into the kernel is not among them. */
function modulesOf({ directory, release }: Kernel): string[] {
  const lines = MODULES.flatMap((name) =>
    outputOf('modprobe', ['-d', directory, '-S', release, '--show-depends', name]).toString().split('\n'),
  )
  return [...new Set(lines.flatMap((line) => /^insmod (\S+)/.exec(line)?.[1] ?? []))]
}

const plainName = (module: string): string => basename(module).replace(/\.(xz|zst|gz)$/, '')

/** Busybox loads uncompressed modules only. */
function plainModule(path: string): Buffer {
  const bytes = readFileSync(path)
  const tool = { xz: 'xz', zst: 'zstd', gz: 'gzip' }[path.split('.').at(-1) ?? '']
  return tool === undefined ? bytes : outputOf(tool, ['-dc'], { input: bytes })
}
