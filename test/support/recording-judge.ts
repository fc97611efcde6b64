// Holds what Sonde reads of a recording against what perf script reads of it.

import type { Script, ScriptFrame, ScriptSample } from './perf-script.ts'
import type { RecordedFrame, RecordedSample, Recording } from './recorded-sample.ts'

export interface JudgeOptions {
  /**
   * `all` frames; the `kernel`'s alone, where perf unwinds the user's part from a copy of the stack by other rules; or `none`.
   */
  readonly stacks: 'all' | 'kernel' | 'none'
}

const SHOWN = 3
/** Of the samples whose chains perf script refuses. */
const MAX_REFUSED_SHARE = 0.1

/** What is different, a line each; empty where both read the same. */
export function differences(told: Recording, judge: Script, { stacks }: JudgeOptions): readonly string[] {
  const found: string[] = []
  if (told.samples.length !== judge.samples.length)
    found.push(`${told.samples.length} samples; perf script: ${judge.samples.length}`)
  if (told.lost !== judge.lost) found.push(`${told.lost} lost; perf script: ${judge.lost}`)
  const nameless = new Set(
    judge.samples.filter(({ comm }) => NO_COMM.test(comm)).map((sample) => keyOf(sample, judge)),
  )
  const key = (sample: RecordedSample | ScriptSample) => {
    const rest = keyOf(sample, judge)
    return nameless.has(rest) || judge.without.has('comm') ? rest : `${rest} of ${sample.comm}`
  }
  const ours = Map.groupBy<string, RecordedSample>(told.samples, key)
  const theirs = Map.groupBy<string, ScriptSample>(judge.samples, key)
  const other: string[] = []
  let refused = 0
  for (const each of new Set([...ours.keys(), ...theirs.keys()])) {
    const [one = [], another = []] = [ours.get(each), theirs.get(each)]
    if (one.length !== another.length)
      found.push(`${one.length} times ${each}; perf script: ${another.length}`)
    else if (stacks !== 'none' && !judge.without.has('ip')) {
      const legible = another.filter(hasStack)
      // Where a file has no chain of a sample, Sonde shows the address that was hit.
      const withChains = one.filter(({ frames }) => frames.length > 1)
      refused += Math.max(0, withChains.length - legible.length)
      other.push(...unlike(one, legible, stacks).map((text) => `${each}: ${text}`))
    }
  }
  if (judge.chains && refused > MAX_REFUSED_SHARE * judge.samples.length)
    found.push(`perf script shows no stack for ${refused} of ${judge.samples.length} samples`)
  return [...few(found), ...few(other)]
}

const hasStack = ({ frames }: { readonly frames: readonly unknown[] }): boolean => frames.length > 0

const few = (lines: readonly string[]): readonly string[] =>
  lines.length > SHOWN ? [...lines.slice(0, SHOWN), `… ${lines.length - SHOWN} more like these`] : lines

/** What perf calls a thread of which it knows nothing, or whose number the kernel gave as -1; Sonde may know its process. */
const NO_COMM = /^:-?\d+$/

/** All that both say of a sample but its comm and its stack; what samples do not have is in no key. */
function keyOf(sample: RecordedSample | ScriptSample, { without }: Script): string {
  const { event, pid, tid, cpu, time, period } = sample
  const parts = [
    ['event', event],
    ['pid', `${pid}/${tid}`],
    ['cpu', `cpu ${cpu}`],
    ['time', `at ${time}`],
    ['period', `period ${period}`],
  ] as const
  return parts
    .filter(([field]) => !without.has(field))
    .map(([, text]) => text)
    .join(', ')
}

/**
 * Stacks that perf script shows and Sonde does not have. It shows none where a word of a user's stack looks like a marker of the
 * kernel's: of such samples nothing can be compared.
 */
function unlike(
  ours: readonly RecordedSample[],
  theirs: readonly ScriptSample[],
  stacks: 'all' | 'kernel',
): readonly string[] {
  const left = [...ours]
  return theirs.flatMap((sample) => {
    const at = left.findIndex((each) => isSameStack(each, sample, stacks))
    if (at < 0) return [`${textOf(left[0]?.frames ?? [])}; perf script: ${scriptText(sample)}`]
    left.splice(at, 1)
    return []
  })
}

function isSameStack({ frames }: RecordedSample, sample: ScriptSample, stacks: 'all' | 'kernel'): boolean {
  const told = withoutRubbish(sample.frames)
  const [one, other] =
    stacks === 'all'
      ? [frames, told]
      : [frames.filter(({ kernel }) => kernel), told.filter(({ address }) => isKernel(address))]
  const executes = told.some(({ symbol }) => symbol.includes('execve'))
  const isGone = ({ address }: RecordedFrame) => executes || isFromBefore(address, sample)
  return (
    one.length === other.length && one.every((frame, at) => isSameFrame(frame, other[at]!, isGone(frame)))
  )
}

/** Nothing that the process has mapped since it executed its program is there. */
const isFromBefore = (address: bigint, { mapped }: ScriptSample): boolean =>
  mapped !== undefined &&
  !mapped.ranges.slice(0, mapped.count).some(([start, end]) => address >= start && address < end)

const FIRST_CODE_ADDRESS = 0x1000n
const UPPER_HALF = 1n << 63n

/**
 * Where a program has no frame pointers, the kernel takes what stands there for addresses. perf script shows them all; Sonde
 * leaves out callers that no program can have, and ends the stack with a reason at those that only a kernel can have.
 */
function withoutRubbish(frames: readonly ScriptFrame[]): readonly ScriptFrame[] {
  const user = frames.findIndex(({ address }) => !isKernel(address))
  if (user < 0) return frames
  const end = frames.findIndex(({ address }, at) => at >= user && address >= UPPER_HALF)
  return frames
    .slice(0, end < 0 ? undefined : end)
    .filter(({ address }, at) => at <= user || address >= FIRST_CODE_ADDRESS)
}

const isKernel = (address: bigint): boolean => address >= 0xffff_8000_0000_0000n

/**
 * perf 5.13 to 6.1 give the offset in the file, other versions the address. When a process becomes another program, the old one's maps
 * are gone: perf keeps them where nothing new covers them, Sonde does not. The call that does it stands there, and what is no caller may.
 */
function isSameFrame(frame: RecordedFrame, { address, dso }: ScriptFrame, gone: boolean): boolean {
  if (frame.kernel) return frame.address === address
  if (frame.path === '' && gone) return (frame.address & PAGE) === (address & PAGE)
  if (frame.address !== address && frame.offset !== address) return false
  return frame.path === dso || isNamelessMemory(frame.path, dso)
}
const PAGE = 0xfffn

/** perf calls memory without a file by the map that would name its code, or not at all. */
const isNamelessMemory = (path: string, dso: string): boolean =>
  !(path.startsWith('/') && !path.startsWith('//')) &&
  (/^\/tmp\/perf-\d+\.map$/.test(dso) || /^\[|^\/\//.test(dso))

const textOf = (frames: readonly RecordedFrame[]): string =>
  frames
    .map(({ address, offset, path }) => `${address.toString(16)}=${offset.toString(16)}(${path})`)
    .join(' ')

const scriptText = (sample: ScriptSample | undefined): string =>
  sample?.frames.map(({ address, dso }) => `${address.toString(16)}(${dso})`).join(' ') ?? 'another'
