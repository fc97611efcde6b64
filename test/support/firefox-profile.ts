// Firefox Profiler's processed format as its published types have it (src/types/profile.ts of version 70): every rule that
// can be checked without the tool.

import assert from 'node:assert/strict'

type Column = readonly (number | null)[]
type Table = { readonly length: number } & Readonly<Record<string, readonly unknown[]>>

export interface FirefoxThread {
  readonly name: string
  readonly processName: string
  readonly pid: string
  readonly tid: number | string
  readonly isMainThread: boolean
  readonly registerTime: number
  readonly unregisterTime: number | null
  readonly samples: {
    readonly length: number
    readonly time: readonly number[]
    readonly stack: Column
    readonly weight: readonly number[] | null
    readonly weightType: string
    readonly threadCPUDelta?: readonly number[]
  }
  readonly markers: {
    readonly length: number
    readonly name: readonly number[]
    readonly startTime: Column
    readonly endTime: Column
    readonly phase: readonly number[]
    readonly category: readonly number[]
    readonly data: readonly Readonly<Record<string, unknown>>[]
  }
}

export interface FirefoxProfile {
  readonly meta: {
    readonly interval: number
    readonly startTime: number
    readonly preprocessedProfileVersion: number
    readonly version: number
    readonly categories: readonly {
      readonly name: string
      readonly color: string
      readonly subcategories: readonly string[]
    }[]
    readonly markerSchema: readonly {
      readonly name: string
      readonly fields: readonly { readonly key: string }[]
    }[]
    readonly sampleUnits: Readonly<Record<string, string>>
    readonly extra: readonly {
      readonly entries: readonly { readonly label: string; readonly value: number }[]
    }[]
  }
  readonly libs: readonly Readonly<Record<string, string | null>>[]
  readonly threads: readonly FirefoxThread[]
  readonly shared: {
    readonly stringArray: readonly string[]
    readonly stackTable: {
      readonly length: number
      readonly frame: readonly number[]
      readonly prefixOffset: readonly number[]
    }
    readonly frameTable: Table
    readonly funcTable: Table
    readonly resourceTable: Table
    readonly nativeSymbols: Table
    readonly sources: Table
    readonly sourceLocationTable: Table
  }
}

const TABLES = {
  frameTable:
    'address lib inlineDepth category subcategory func nativeSymbol innerWindowID line column originalLocation',
  funcTable: 'name isJS relevantForJS resource source lineNumber columnNumber originalLocation',
  resourceTable: 'name host type',
  nativeSymbols: 'libIndex address name functionSize',
  sources: 'id filename startLine startColumn sourceMapURL content',
  sourceLocationTable: 'source line column',
} as const

/** @throws AssertionError for the first rule that does not hold */
export function checkFirefoxProfile({ meta, libs, threads, shared }: FirefoxProfile): void {
  assert.equal(meta.preprocessedProfileVersion, 70)
  assert.ok(meta.categories.some(({ color }) => color === 'grey'))
  assert.ok(meta.categories.every(({ subcategories }) => subcategories[0] === 'Other'))
  assert.deepEqual(
    new Set(Object.keys(shared)),
    new Set([...Object.keys(TABLES), 'stackTable', 'stringArray']),
  )
  for (const [name, columns] of Object.entries(TABLES)) {
    const table = shared[name as keyof typeof TABLES]
    assert.deepEqual(new Set(Object.keys(table)), new Set([...columns.split(' '), 'length']), name)
    for (const column of columns.split(' '))
      assert.equal(table[column]?.length, table.length, `${name}.${column}`)
  }
  const { frameTable, funcTable, resourceTable, sources, stringArray, stackTable } = shared
  const below = (
    values: readonly unknown[] | undefined,
    length: number,
    what: string,
    least: number | null = 0,
  ) => {
    for (const value of values ?? [])
      assert.ok(
        (value === null && least === null) ||
          (Number.isInteger(value) && Number(value) >= (least ?? 0) && Number(value) < length),
        `${what}: ${value} of ${length}`,
      )
  }
  below(frameTable.func, funcTable.length, 'func')
  below(frameTable.lib, libs.length, 'lib', -1)
  below(frameTable.category, meta.categories.length, 'category')
  below(funcTable.name, stringArray.length, 'function')
  below(funcTable.resource, resourceTable.length, 'resource', -1)
  below(funcTable.source, sources.length, 'source', null)
  below(resourceTable.name, stringArray.length, 'resource name')
  below(sources.filename, stringArray.length, 'source name')
  assert.equal(stackTable.frame.length, stackTable.length)
  assert.equal(stackTable.prefixOffset.length, stackTable.length)
  below(stackTable.frame, frameTable.length, 'frame')
  // A parent stands before its children; 0: a root.
  for (const [index, offset] of stackTable.prefixOffset.entries())
    assert.ok(
      Number.isInteger(offset) && offset >= 0 && offset <= index,
      `prefix of stack ${index}: ${offset}`,
    )
  assert.equal(new Set(stringArray).size, stringArray.length)
  for (const { codeId, breakpadId } of libs) {
    if (codeId === null) assert.equal(breakpadId, '')
    else assert.match(String(breakpadId), /^[0-9A-F]{33}$/)
  }
  const schemas = new Map(meta.markerSchema.map((schema) => [schema.name, schema]))
  for (const { samples, markers, pid, tid, name } of threads) {
    assert.equal(typeof pid, 'string')
    for (const column of [samples.time, samples.stack, samples.weight ?? samples.time])
      assert.equal(column.length, samples.length, name)
    if (samples.threadCPUDelta !== undefined) assert.equal(samples.threadCPUDelta.length, samples.length)
    below(samples.stack, stackTable.length, `stack of ${name}`)
    assert.ok(
      samples.time.every((time, index) => index === 0 || time >= samples.time[index - 1]!),
      `${tid}: times`,
    )
    const { length, data, phase, startTime, endTime } = markers
    for (const column of [data, phase, startTime, endTime, markers.name, markers.category])
      assert.equal(column.length, length)
    below(markers.name, stringArray.length, 'marker')
    below(markers.category, meta.categories.length, 'category of marker')
    for (const [index, each] of data.entries()) {
      const keys = schemas.get(String(each.type))?.fields.map(({ key }) => key) ?? []
      assert.deepEqual(
        Object.keys(each).filter((key) => key !== 'type'),
        keys,
        String(each.type),
      )
      assert.equal(typeof startTime[index], 'number')
      assert.equal(endTime[index] === null, phase[index] === 0)
    }
  }
  const tracks = threads.map(({ pid, tid }) => `${pid} ${tid}`)
  assert.equal(new Set(tracks).size, tracks.length)
  const mains = threads.filter(({ isMainThread }) => isMainThread).map(({ pid }) => pid)
  assert.equal(new Set(mains).size, mains.length)
}

/** Names of functions from the root to the leaf. */
export function stackNames({ shared }: FirefoxProfile, stack: number | null): string[] {
  const { stackTable, frameTable, funcTable, stringArray } = shared
  const names: string[] = []
  for (let at = stack; at !== null; ) {
    const func = Number(frameTable.func?.[stackTable.frame[at]!])
    names.unshift(stringArray[Number(funcTable.name?.[func])] ?? '')
    const offset = stackTable.prefixOffset[at]!
    at = offset === 0 ? null : at - offset
  }
  return names
}
