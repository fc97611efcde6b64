// What the perf.data tests share: the real perf as judge, a real lock, a consumer over a temporary directory.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { perfData } from '../../src/consumers/perf-data/index.ts'
import type { ProfileConsumer } from '../../src/core/consumer.ts'
import type { ConsumerContext } from '../../src/core/consumer-context.ts'
import type { OpenProfile, ProfileEncoder } from '../../src/core/encoder.ts'
import type { KernelInfo } from '../../src/core/host.ts'
import type { SessionInfo } from '../../src/core/profile.ts'
import { STACK_NOTES_BIT } from '../../src/formats/perf-data/stack-notes.ts'
import { loadAddon } from '../../src/native/load.ts'
import { ALONE } from '../support/alone.ts'
import { HOST, session } from '../unit/formats/perf-data/fixture.ts'

export const NO_FLOCK =
  spawnSync('flock', ['--version']).error === undefined ? false : 'flock is not installed'

/** flock(2): the lock belongs to the open file, which the child inherits, and so outlives the child. */
export const tryLock = (fd: number): boolean =>
  spawnSync('flock', ['--exclusive', '--nonblock', '3'], { stdio: ['ignore', 'ignore', 'inherit', fd] })
    .status === 0

const noProfiles: ProfileEncoder = {
  openProfile(): OpenProfile {
    throw new Error('perf_data has no use for a profile')
  },
}

/** The addon's. */
export const { encodeSamples } = loadAddon()

export interface LogLine {
  readonly level: string
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>> | undefined
}

export function contextOf(
  directory: string,
  over: Partial<ConsumerContext> = {},
): ConsumerContext & { lines: LogLine[] } {
  const lines: LogLine[] = []
  return {
    version: '0.0.0',
    dataDirectory: directory,
    ...ALONE,
    tryLock: () => true,
    log: (level, message, fields) => lines.push({ level, message, fields }),
    encodeSamples,
    encoder: noProfiles,
    lines,
    ...over,
  }
}

export const consumerOf = (
  config: Readonly<Record<string, unknown>>,
  context: ConsumerContext,
): ProfileConsumer => perfData.configure(config, 'test')(context)

export function temporaryDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'sonde-perf-data-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** Takes the bit of the stack notes out of a file's header: what an older Sonde, or one that was killed, leaves behind. */
export function withoutStackNotes(file: string): string {
  const bytes = readFileSync(file)
  const at = FEATURES_AT + (STACK_NOTES_BIT >> 3)
  bytes.writeUInt8(bytes.readUInt8(at) & ~(1 << (STACK_NOTES_BIT & 7)), at)
  writeFileSync(file, bytes)
  return file
}

/** Of the bitmap in the file's header. */
const FEATURES_AT = 72

function thisKernel(): KernelInfo | undefined {
  const kallsyms = readFileSync('/proc/kallsyms', 'latin1')
  const address = (symbol: string) =>
    BigInt(`0x${new RegExp(`^([0-9a-f]+) . ${symbol}$`, 'm').exec(kallsyms)?.[1] ?? '0'}`)
  const [text, textEnd] = [address('_text'), address('_etext')]
  return text === 0n ? undefined : { text, textEnd, buildId: '', modules: [] }
}

const KERNEL = thisKernel()
/** Without the kernel's map perf warns, rightly, that the kernel's addresses were restricted. */
export const NO_PERF =
  spawnSync('perf', ['--version']).error !== undefined
    ? 'perf is not installed'
    : KERNEL === undefined && 'kallsyms hides its addresses from this user'

/** A session of this machine's kernel, so that perf finds the symbols of the kernel frames. */
export const plainSession = (id: number, over: Partial<SessionInfo> = {}): SessionInfo =>
  session(id, { host: { ...HOST, kernel: KERNEL }, ...over })

/** Runs perf; it must be silent on standard error and exit 0. */
export function perf(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync('perf', args, { encoding: 'utf8', maxBuffer: 2 ** 28 })
  assert.equal(stderr, '', `perf ${args.join(' ')} warns`)
  assert.equal(status, 0, `perf ${args.join(' ')} exits ${status}`)
  return stdout
}

export interface Totals {
  readonly samples: number
  readonly value: bigint
}

/** Samples and sum of periods per event, as `perf script` reads them. */
export function totalsOf(file: string): Record<string, Totals> {
  const totals: Record<string, Totals> = {}
  for (const line of perf('script', '-i', file, '-F', 'event,period').split('\n')) {
    const parts = /^\s*(\d+)\s+(\S+):\s*$/.exec(line)
    if (parts === null) continue
    const [, period = '', event = ''] = parts
    const before = totals[event] ?? { samples: 0, value: 0n }
    totals[event] = { samples: before.samples + 1, value: before.value + BigInt(period) }
  }
  return totals
}

/** Every command that has to read every file. `perf report` exits 0 whatever happens, so its numbers are compared. */
export function assertPerfReads(file: string, expected: Readonly<Record<string, Totals>>): void {
  assert.deepEqual(totalsOf(file), expected)
  const report = perf('report', '--stdio', '-i', file)
  for (const [event, { value }] of Object.entries(expected)) {
    assert.match(report, new RegExp(`of event '${event}'\\n# Event count \\(approx\\.\\): ${value}\\n`))
  }
  perf('report', '--header-only', '-i', file)
  perf('buildid-list', '-i', file)
}
