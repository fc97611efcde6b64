// speedscope's own format: https://www.speedscope.app/file-format-schema.json

import { sessionTitle } from '../../core/profile.ts'
import { type CallTree, callTreeOf } from '../profile/call-tree.ts'
import type { FrameLabel } from '../profile/frame-text.ts'
import { type SessionProfile, titleOf } from '../profile/profile-aggregate.ts'
import { TextWriter } from '../text-writer.ts'

/**
 * One document with one profile per session, over shared frames. A sample is a distinct stack, thread name first; its
 * weight is nanoseconds of CPU for clock events (samples × period) and the event's count for others.
 */
export function encodeSpeedscope(profiles: readonly SessionProfile[]): Uint8Array<ArrayBuffer> {
  const out = new TextWriter()
  const frames = new Frames()
  out.write(
    `{"$schema":"https://www.speedscope.app/file-format-schema.json","exporter":"sonde","name":${JSON.stringify(titleOf(profiles))}`,
  )
  out.write(',"activeProfileIndex":0,"profiles":[')
  profiles.forEach((profile, index) => {
    if (index > 0) out.write(',')
    writeProfile(out, profile, frames)
  })
  out.write('],"shared":{"frames":[')
  frames.all.forEach((frame, index) => {
    out.write((index > 0 ? ',' : '') + JSON.stringify(frame))
  })
  out.write(']}}\n')
  return out.bytes()
}

interface SpeedscopeFrame {
  readonly name: string
  readonly file?: string
}

class Frames {
  readonly all: SpeedscopeFrame[] = []
  readonly #numbers = new Map<string, number>()

  number({ text, module }: FrameLabel): number {
    const key = `${module}\0${text}`
    const known = this.#numbers.get(key)
    if (known !== undefined) return known
    const number = this.all.push(module === '' ? { name: text } : { name: text, file: module }) - 1
    this.#numbers.set(key, number)
    return number
  }
}

function writeProfile(out: TextWriter, profile: SessionProfile, frames: Frames): void {
  const { event } = profile.session
  const unit = event.unit === 'nanoseconds' ? 'nanoseconds' : 'none'
  const tree = callTreeOf(profile)
  out.write(
    `{"type":"sampled","name":${JSON.stringify(sessionTitle(profile.session))},"unit":"${unit}","startValue":0`,
  )
  out.write(`,"endValue":${profile.value},"samples":[`)
  writeSamples(out, tree, frames)
  out.write('],"weights":[')
  let separator = ''
  for (let node = 0; node < tree.length; node++) {
    if (tree.samples[node] === 0) continue
    out.write(`${separator}${tree.values[node]}`)
    separator = ','
  }
  out.write(']}')
}

function writeSamples(out: TextWriter, tree: CallTree, frames: Frames): void {
  const numbers = tree.labels.map((label) => frames.number(label))
  const path: number[] = []
  let separator = ''
  for (let node = 0; node < tree.length; node++) {
    path.length = tree.level[node] as number
    path.push(numbers[tree.label[node] as number] as number)
    if (tree.samples[node] === 0) continue
    out.write(`${separator}[${path.join(',')}]`)
    separator = ','
  }
}
