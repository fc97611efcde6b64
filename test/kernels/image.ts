// A kernel of Debian made ready to boot: its packages unpacked, its image uncompressed.

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { Archive, type KernelPackages } from './archive.ts'
import type { KernelLine } from './catalog.ts'
import { outputOf } from './programs.ts'

export interface Kernel {
  /** As uname says it: `6.1.0-40-amd64`. */
  readonly release: string
  /** Its files, as its packages lay them out. */
  readonly directory: string
  /** The ELF file that is booted. */
  readonly image: string
  /** Why it may not be the newest one; absent where it is. */
  readonly remark?: string
}

const PREFIX = 'kernel-'

/**
 * The line's newest kernel, below `directory`: unpacked once, nothing installed, no script of a package run. Without the
 * archive, the one of last time. Throws with the reason where there is none.
 */
export function obtainKernel(line: KernelLine, directory: string): Kernel {
  try {
    const archive = Archive.open(line, join(directory, 'apt'))
    const packages = archive.newestKernel()
    const wanted = join(directory, `${PREFIX}${packages.release}`)
    if (readStamp(wanted) !== packages.version) {
      for (const old of unpackedBelow(directory)) rmSync(old, { recursive: true })
      unpack(archive, packages, wanted)
    }
    return kernelAt(wanted)
  } catch (error) {
    const [last] = unpackedBelow(directory)
    if (last === undefined) throw error
    return { ...kernelAt(last), remark: `the archive was not asked (${(error as Error).message})` }
  }
}

function kernelAt(directory: string): Kernel {
  const release = directory.slice(directory.lastIndexOf(PREFIX) + PREFIX.length)
  return { release, directory, image: join(directory, 'vmlinux') }
}

const unpackedBelow = (directory: string): string[] =>
  readdirSync(directory)
    .filter((name) => name.startsWith(PREFIX))
    .map((name) => join(directory, name))

const readStamp = (directory: string): string | undefined => {
  const stamp = join(directory, 'version')
  return existsSync(stamp) ? readFileSync(stamp, 'utf8') : undefined
}

/** A directory has its name only when it is whole. */
function unpack(archive: Archive, packages: KernelPackages, directory: string): void {
  const { release, version } = packages
  const part = mkdtempSync(join(directory, '../part-'))
  const fetched = join(part, 'packages')
  mkdirSync(fetched)
  try {
    for (const file of archive.fetch(packages, fetched)) outputOf('dpkg-deb', ['--extract', file, part])
    rmSync(fetched, { recursive: true })
    // From Linux 7 on the path has /usr in it, below which modprobe does not look everywhere.
    if (!existsSync(join(part, 'lib'))) symlinkSync('usr/lib', join(part, 'lib'))
    const modules = join(part, 'lib/modules', release)
    leaveOut(join(modules, 'kernel'))
    outputOf('depmod', ['-b', part, release])
    const image = [join(part, `boot/vmlinuz-${release}`), join(modules, 'vmlinuz')].find(existsSync)
    if (image === undefined) throw new Error(`the packages of ${release} have no vmlinuz`)
    writeFileSync(join(part, 'vmlinux'), kernelInside(readFileSync(image)))
    writeFileSync(join(part, 'version'), version)
    renameSync(part, directory)
  } finally {
    rmSync(part, { recursive: true, force: true })
  }
}

/** Drivers of what the machine does not have are most of the modules, and most of depmod's time. */
function leaveOut(modules: string): void {
  const remove = (below: string, kept: string): void => {
    for (const name of readdirSync(join(modules, below)))
      if (name !== kept) rmSync(join(modules, below, name), { recursive: true })
  }
  remove('drivers', 'virtio')
  remove('net', '9p')
}

const DECOMPRESSORS: Readonly<Record<string, string>> = {
  fd37: 'xz',
  '28b5': 'zstd',
  '0221': 'lz4',
  '1f8b': 'gzip',
}

/**
 * The ELF kernel inside a bzImage: an emulated machine would take seconds to decompress it. Offsets as in the kernel's
 * Documentation/arch/x86/boot.rst: set-up sectors at 0x1f1, payload_offset at 0x248, payload_length at 0x24c.
 */
export function kernelInside(bzImage: Buffer): Buffer {
  const start = ((bzImage[0x1f1] || 4) + 1) * 512 + bzImage.readUInt32LE(0x248)
  const payload = bzImage.subarray(start, start + bzImage.readUInt32LE(0x24c))
  const magic = payload.toString('hex', 0, 2)
  const tool = DECOMPRESSORS[magic]
  if (tool === undefined) throw new Error(`a kernel compressed by an unknown program (${magic})`)
  // All but gzip's end with the uncompressed size, which the kernel's build adds and the tools do not accept.
  const kernel = outputOf(tool, ['-dc'], { input: tool === 'gzip' ? payload : payload.subarray(0, -4) })
  if (kernel.toString('latin1', 0, 4) !== '\x7fELF') throw new Error(`${tool} made no ELF file of the kernel`)
  return kernel
}
