import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AgentError } from '../../../src/core/errors.ts'
import {
  type NativeLineResult,
  type NativeLines,
  type NativeLinesOptions,
  type NativeNameRequest,
  NO_OFFSET,
} from '../../../src/native/binding.ts'
import { Problems } from '../../../src/symbols/problems.ts'
import { openSourceLines } from '../../../src/symbols/source-lines.ts'
import { requestFor } from '../../support/name-request.ts'
import { countTurns } from '../../support/turns.ts'

const RESULT: NativeLineResult = {
  systemNames: ['_Zinner', '_Zouter'],
  functions: ['inner()', 'outer()'],
  files: ['a.h', 'b.cc'],
  offsets: Uint32Array.of(0, 2, 2),
  function: Uint32Array.of(1, 2),
  file: Uint32Array.of(1, 2),
  line: Uint32Array.of(3, 9),
  fromStart: Uint32Array.of(16, NO_OFFSET),
  fromEntry: Uint32Array.of(16, NO_OFFSET),
  hasDwarf: true,
  problem: '',
}

function fakeLines(result: NativeLineResult) {
  const asked: { readonly requests: readonly NativeNameRequest[]; readonly limitMs: number }[] = []
  const native: NativeLines = {
    findLines: async (requests, limitMs) => {
      asked.push({ requests, limitMs })
      return requests.map(() => result)
    },
    stats: () => ({ children: 1, died: 0, late: 0, forbidden: 0, refused: 0, cpuNs: 0 }),
    cacheBytes: () => 5,
    close: () => undefined,
  }
  return { native, asked }
}

const open = (native: NativeLines, problems: Problems) =>
  openSourceLines(
    {
      addon: { openLines: () => native },
      maxCacheBytes: 1,
      policy: { sources: [], debugDirectories: [] },
      linesProgram: '/x/sonde-lines',
    },
    problems,
  )

const question = (addresses: readonly bigint[]) => ({
  request: requestFor('/bin/shop', addresses, { buildId: 'ab' }),
  names: new Map(addresses.map((address) => [address, null])),
})

test('addresses that DWARF knows have their functions, innermost first', async () => {
  const { native, asked } = fakeLines(RESULT)
  const lines = open(native, new Problems())
  const [image] = (await lines?.linesOf([question([0x10n, 0x20n])], performance.now() + 1000)) ?? []
  assert.deepEqual([...(image?.chains.keys() ?? [])], [0x10n])
  assert.deepEqual(image?.chains.get(0x10n), [
    { function: 'inner()', systemName: '_Zinner', file: 'a.h', line: 3, offset: 0 },
    { function: 'outer()', systemName: '_Zouter', file: 'b.cc', line: 9, offset: 16 },
  ])
  const limitMs = asked[0]?.limitMs ?? -1
  assert.ok(limitMs > 0 && limitMs <= 1000)
  assert.equal(lines?.cacheBytes(), 5)
})

test('others have their turns while the functions of many addresses are put together', async () => {
  const count = 150_000
  const result: NativeLineResult = {
    ...RESULT,
    offsets: Uint32Array.from({ length: count + 1 }, (_, index) => 2 * index),
    function: Uint32Array.from({ length: 2 * count }, (_, index) => 1 + (index % 2)),
    fromStart: new Uint32Array(count),
    fromEntry: new Uint32Array(count),
  }
  const { native } = fakeLines(result)
  const addresses = Array.from({ length: count }, (_, index) => BigInt(index))
  const asked = question(addresses)
  const turns = countTurns()
  const [image] = (await open(native, new Problems())?.linesOf([asked], performance.now() + 1000)) ?? []
  assert.equal(image?.chains.size, count)
  const counted = turns.stop()
  assert.ok(counted > 2, `${counted} turns`)
})

test('debug files are looked for where the policy has them as a source, and where it says', () => {
  const opened: NativeLinesOptions[] = []
  const openLines = (options: NativeLinesOptions) => {
    opened.push(options)
    return fakeLines(RESULT).native
  }
  const policy = { sources: ['debug_file', 'symtab'] as const, debugDirectories: ['/debug'] }
  openSourceLines({ addon: { openLines }, maxCacheBytes: 1, policy, linesProgram: '/x' }, new Problems())
  assert.deepEqual(
    opened.map(({ sources, debugDirectories }) => ({ sources, debugDirectories })),
    [{ sources: [2, 1], debugDirectories: ['/debug'] }],
  )
})

test('a deadline that has passed leaves no time, and no negative one', async () => {
  const { native, asked } = fakeLines(RESULT)
  await open(native, new Problems())?.linesOf([question([0x10n])], performance.now() - 1000)
  assert.equal(asked[0]?.limitMs, 0)
})

test('why a file has no lines is told once, with its name', async () => {
  const problems = new Problems()
  const { native } = fakeLines({ ...RESULT, problem: '/bin/shop: the reader of its DWARF died (SIGSEGV)' })
  const lines = open(native, problems)
  await lines?.linesOf([question([0x10n]), question([0x20n])], performance.now() + 1000)
  assert.deepEqual(problems.lines(), ['/bin/shop: the reader of its DWARF died (SIGSEGV)'])
})

test('without the program that reads DWARF there are no lines, and it is said why', () => {
  const problems = new Problems()
  const openLines = () => {
    throw new AgentError('NATIVE.NO_LINES', 'No source lines: there is no sonde-lines.')
  }
  assert.equal(
    openSourceLines(
      {
        addon: { openLines },
        maxCacheBytes: 1,
        policy: { sources: [], debugDirectories: [] },
        linesProgram: '/x',
      },
      problems,
    ),
    undefined,
  )
  assert.deepEqual(problems.lines(), ['No source lines: there is no sonde-lines.'])
})
