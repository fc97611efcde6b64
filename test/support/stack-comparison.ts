// Holds a stack as Sonde's unwinder sees it against gdb's.

import { run } from './sonde.ts'
import type { Verdict } from './stack-judge.ts'

export interface AddressRange {
  readonly start: bigint
  readonly end: bigint
}

/** What may differ, and why. */
export interface Allowances {
  /** Ends before the outermost frame that the workload cannot avoid: up to there the frames have to be equal. */
  readonly mayEnd: readonly string[]
  /** Functions that go to another stack, behind which gdb takes what lies on the stack for frames. */
  readonly switches: readonly AddressRange[]
}

/** Whether both see the same. */
export function agree({ sonde, gdb }: Verdict, { mayEnd, switches }: Allowances): boolean {
  const cut = switches.length > 0 ? (frames: readonly string[]) => upToSwitch(frames, switches) : identity
  const [own, other] = [cut(sonde.frames), cut(gdb.frames)]
  // Unverified: at the root, by a frame pointer that nothing vouches for; gdb judges.
  if (sonde.end === 'complete' || sonde.end === 'unverified') return own.join() === other.join()
  // libgcc installs the registers of a handler while rows still speak of its own: neither can go on from there.
  // At a return address of 0 gdb ends without a reason.
  const atZero = gdb.stop === 'no reason' && sonde.end === 'return-address'
  if (gdb.stop === 'memory error while unwinding' || atZero) return own.join() === other.join()
  const allowed = mayEnd.includes(sonde.end) || mayEnd.includes(`${sonde.end} in ${sonde.in}`)
  const early = sonde.end === 'depth' && own.length < MOST_FRAMES
  return allowed && !early && own.every((frame, index) => frame === other[index])
}

/** What Sonde shows of a stack, and then says `[truncated: max depth]`. */
const MOST_FRAMES = 1024

const identity = <Value>(value: Value): Value => value

function upToSwitch(frames: readonly string[], switches: readonly AddressRange[]): readonly string[] {
  const at = frames.findIndex((frame) => {
    const address = BigInt(`0x${frame}`) - 1n
    return switches.some(({ start, end }) => address >= start && address < end)
  })
  return at < 0 ? frames : frames.slice(0, at + 1)
}

/** Where Go's runtime leaves one stack for another (for the vdso, too), or a stack begins. */
export function goSwitches(program: string): readonly AddressRange[] {
  const names =
    /^(runtime\.(systemstack|mcall|morestack|mstart|goexit|rt0_go|asmcgocall|clone|nanotime1|walltime)(\.abi0)?|time\.now)$/
  const lines = run('go', ['tool', 'nm', '-size', '-sort=address', program]).stdout.split('\n')
  return lines.flatMap((line) => {
    const [address = '', size = '', , name = ''] = line.trim().split(/\s+/)
    const start = BigInt(`0x${address || '0'}`)
    return names.test(name) ? [{ start, end: start + BigInt(size) }] : []
  })
}
