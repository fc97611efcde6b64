// Folded stacks, as flamegraph.pl, inferno and speedscope read them: one line per stack, thread name first, then frames
// root first, joined by `;`, then a space and the number.

import { callTreeOf } from '../profile/call-tree.ts'
import type { FrameLabel, LabelKind } from '../profile/frame-text.ts'
import type { SessionProfile } from '../profile/profile-aggregate.ts'
import { fixedPeriodOf } from '../profile/stood-for.ts'
import { TextWriter } from '../text-writer.ts'

/**
 * The number of a line is its samples; one that was kept of N counts N times. Of a counter that is sampled by frequency
 * only its weight says so: there, where samples were thinned, the number is the event's count. Lines are in order of their frames, and no two have the same. What the format
 * cannot hold is replaced: `;` in a name becomes `:`, a line break or another control character a space.
 */
export function encodeFolded(profile: SessionProfile): Uint8Array<ArrayBuffer> {
  const tree = callTreeOf(profile, foldedLabel)
  const byWeight = profile.thinned && fixedPeriodOf(profile.session) === undefined
  const out = new TextWriter()
  const path: string[] = []
  for (let node = 0; node < tree.length; node++) {
    const level = tree.level[node] as number
    path.length = level
    path.push(tree.labels[tree.label[node] as number]?.text ?? '')
    const number = byWeight ? (tree.values[node] as bigint) : (tree.samples[node] as number)
    if (number > 0) out.write(`${path.join(';')} ${number}\n`)
  }
  return out.bytes()
}

/** Only the text counts: two modules' functions of one name are one line. */
const foldedLabel = (label: FrameLabel): FrameLabel => ({
  text: foldedText(label.text) + SUFFIXES[label.kind],
  module: '',
  kind: label.kind === 'thread' ? 'thread' : 'user',
})

/** How flamegraph.pl's colour schemes tell kinds of frames. */
const SUFFIXES: Readonly<Record<LabelKind, string>> = {
  thread: '',
  user: '',
  inlined: '_[i]',
  jit: '_[j]',
  interpreted: '',
  kernel: '_[k]',
  unnamed: '',
  reason: '',
}

export const foldedText = (text: string): string =>
  text.replaceAll(';', ':').replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
