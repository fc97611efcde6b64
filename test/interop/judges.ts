// What others read in Sonde's bytes: opentelemetry-proto's generated code, google/pprof, profcheck.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Taken } from './sink.ts'
import { output, start, tools, without } from './tools.ts'

type Attributes = Readonly<Record<string, string | number>>

/** As decode_otlp.py prints it. */
export interface DecodedProfile {
  readonly resource: Attributes
  readonly scope: string
  readonly id: string
  readonly sampleType: string
  readonly periodType: string
  readonly period: number
  readonly time: number
  readonly duration: number
  /** Its format, and the bytes in hexadecimal. */
  readonly payload: readonly [string, string]
  readonly samples: readonly {
    /** `innermost+outer@file`, leaf first. */
    readonly stack: readonly string[]
    readonly count: number
    readonly timestamps: readonly number[]
    readonly attributes: Attributes
  }[]
  /** Of the whole message: file, and the attributes of each. */
  readonly mappings: readonly (readonly [string, Attributes])[]
}

/** Puts each body into a file, in order; the paths. */
export function filesOf(taken: readonly Taken[], directory: string): readonly string[] {
  return taken.map(({ body }, index) => {
    const path = join(directory, `${index}.otlp`)
    writeFileSync(path, body)
    return path
  })
}

/** Fails where a message has a field that opentelemetry-proto does not know. */
export async function decoded(t: TestContext, files: readonly string[]): Promise<readonly DecodedProfile[]> {
  const program = join(import.meta.dirname, 'decode_otlp.py')
  const lines = await output(t, [tools.decoder, program, ...files])
  return lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as DecodedProfile)
}

export const countOf = (profiles: readonly DecodedProfile[]): number =>
  profiles.flatMap(({ samples }) => samples).reduce((sum, { count }) => sum + count, 0)

/** A subtest: all of profcheck's checks, of each message. */
export const passProfcheck = (t: TestContext, files: readonly string[]): Promise<void> =>
  t.test('profcheck has nothing to say', { skip: without('profcheck') }, async (t) => {
    const checks = ['-check-dupes', '-check-orphans', '-check-sample-shapes']
    for (const file of files) {
      const { status, stdout, stderr } = await start(t, [tools.profcheck, ...checks, file]).ended
      assert.equal(`${stdout}${stderr}`.trim(), `${file}: conformance checks passed`)
      assert.equal(status, 0)
    }
  })

export interface PprofReading {
  readonly total: number
  /** Percentage of the total that ends in each function. */
  readonly self: ReadonlyMap<string, number>
}

/** What google/pprof says of a value of a profile, of what `focus` (its own options) leaves. */
export async function readByPprof(
  t: TestContext,
  file: string,
  options: readonly string[] = [],
): Promise<PprofReading> {
  const table = await output(t, [
    tools.pprof,
    ...['-top', '-nodecount=100000', '-nodefraction=0', '-symbolize=none', '-unit=ns', ...options],
    file,
  ])
  const total = /([\d.]+)\S* total$/m.exec(table)?.[1] ?? assert.fail(`no total in ${table}`)
  const rows = table.matchAll(/^ *\S+ +([\d.]+)% +[\d.]+% +\S+ +[\d.]+% +(.+)$/gm)
  const self = new Map(
    [...rows].map(([, share = '', name = '']) => [name.replace(/ \(inline\)$/, ''), Number(share)]),
  )
  return { total: Number(total), self }
}
