// Starts a guest on an emulated machine and waits for its end. Emulated always: a KVM that can be opened may still not
// be one that a kernel of Debian boots on.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Kernel } from './image.ts'
import { writeInitramfs } from './initramfs.ts'
import { lastLine } from './programs.ts'

export const GUEST_CPUS = 2
const MEMORY_MB = 2048
/** Ten times what a guest takes on an idle machine. */
const LIMIT_SECONDS = Number(process.env.SONDE_KERNELS_LIMIT ?? 240)

export interface GuestWishes {
  readonly node: string
  readonly workload: string
  /** Below it every compiler's BPF objects. */
  readonly objects: string
  /** What it does, in order: `doctor`, `record-SAMPLER`, `names-SAMPLER`. */
  readonly steps: readonly string[]
  readonly hertz: number
  readonly seconds: number
}

export interface GuestEnd {
  /** Why it did not get to its end; absent where it did. */
  readonly problem?: string
  readonly seconds: number
}

/** Runs guest.sh on the kernel; what the guest leaves is in `out`, which is emptied before. */
export function runGuest(kernel: Kernel, wishes: GuestWishes, out: string): GuestEnd {
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out, { recursive: true })
  const [initramfs, console] = [join(out, 'initramfs'), join(out, 'console')]
  writeInitramfs(kernel, initramfs)
  writeFileSync(join(out, 'wishes'), wishText(wishes))
  const started = performance.now()
  const { status, stderr } = spawnSync(
    'timeout',
    ['-k', '2', `${LIMIT_SECONDS}`, 'nice', '-n', '15', 'qemu-system-x86_64', ...machine(kernel.image, out)],
    { encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'] },
  )
  const seconds = Math.round((performance.now() - started) / 1000)
  rmSync(initramfs)
  if (existsSync(join(out, 'done'))) return { seconds }
  if (status === 124)
    return { seconds, problem: `not done after ${LIMIT_SECONDS} s (SONDE_KERNELS_LIMIT gives more)` }
  const said = existsSync(console) ? readFileSync(console, 'utf8') : ''
  return { seconds, problem: lastLine(stderr) || /Kernel panic.*/.exec(said)?.[0] || lastLine(said) }
}

const wishText = ({ node, workload, objects, steps, hertz, seconds }: GuestWishes): string =>
  Object.entries({
    ...{ NODE: node, WORKLOAD: workload, OBJECTS: objects },
    ...{ STEPS: steps.join(' '), HERTZ: hertz, SECONDS_EACH: seconds },
    // One that hangs leaves the others their time.
    PATIENCE: Math.ceil(LIMIT_SECONDS / 3),
  })
    .map(([name, value]) => `${name}='${value}'\n`)
    .join('')

const ROOT = join(import.meta.dirname, '../..')

/**
 * The ELF kernel boots by PVH; a panic ends the machine; the root cannot be written to. Where others use this machine's
 * CPUs the emulated timer stands still for a moment, which kernels take for a broken one (no_timer_check).
 */
const machine = (image: string, out: string): string[] => [
  ...[
    '-M',
    'q35',
    '-accel',
    'tcg,thread=multi',
    '-cpu',
    'max',
    '-smp',
    `${GUEST_CPUS}`,
    '-m',
    `${MEMORY_MB}`,
  ],
  ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
  ...['-kernel', image, '-initrd', join(out, 'initramfs')],
  ...['-append', `console=ttyS0 quiet panic=-1 no_timer_check sonde.root=${ROOT}`],
  ...['-fsdev', 'local,id=root,path=/,security_model=none,readonly=on,multidevs=remap'],
  ...['-device', 'virtio-9p-pci,fsdev=root,mount_tag=root'],
  ...['-fsdev', `local,id=out,path=${out},security_model=none`],
  ...['-device', 'virtio-9p-pci,fsdev=out,mount_tag=out'],
  ...['-serial', `file:${join(out, 'console')}`],
]
