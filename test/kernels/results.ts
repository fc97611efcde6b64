// What a guest left in its directory (guest.sh), read.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { lastLine } from './programs.ts'

/** How a step of the guest ended. */
export interface StepEnd {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  /** By the guest's clock. */
  readonly seconds: number
}

/** Undefined where the guest did not get to the step. */
export function stepEnd(out: string, name: string): StepEnd | undefined {
  const status = textOf(out, `${name}.status`)
  if (status === undefined) return undefined
  const [code = 1, since = 0, until = 0] = status.trim().split(' ').map(Number)
  const [stdout = '', stderr = ''] = ['stdout', 'stderr'].map((stream) => textOf(out, `${name}.${stream}`))
  return { code, stdout, stderr, seconds: until - since }
}

/** The step's end; throws with its last words where it is missing or not 0. */
export function succeeded(out: string, name: string): StepEnd {
  const end = stepEnd(out, name)
  if (end === undefined) throw new Error('the guest did not get to it')
  if (end.code !== 0) throw new Error(`exit ${end.code}: ${lastLine(end.stderr)}`)
  return end
}

export function textOf(out: string, name: string): string | undefined {
  const path = join(out, name)
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined
}

/** One line of facts, `btf 4957374`. */
export const factOf = (out: string, name: string): string =>
  new RegExp(`^${name} (.*)$`, 'm').exec(textOf(out, 'facts.stdout') ?? '')?.[1] ?? ''

/** A line of `sonde report` by function. */
export interface ReportRow {
  readonly selfPercent: number
  readonly name: string
  readonly module: string
}

/** In the report's order: the most samples first. */
export const reportRows = (text: string): readonly ReportRow[] =>
  [...text.matchAll(/^ *([\d.]+) % +[\d.]+ % +[\d,]+ {2}(.+?) {2,}(\S+)$/gm)].map(
    ([, self = '', name = '', module = '']) => ({ selfPercent: Number(self), name, module }),
  )

/** How many samples the report is made of. */
export const reportedSamples = (text: string): number =>
  Number(/, ([\d,]+) samples?, /.exec(text)?.[1]?.replaceAll(',', '') ?? 0)
