// Programs that want the profiler to fail, beside one that does not.

import assert from 'node:assert/strict'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { ProcessStacks } from '../../src/core/summary.ts'
import { Mutations } from '../support/mutations.ts'
import { readSummary, sonde, sum, temporaryDirectory } from '../support/sonde.ts'
import { made } from '../support/workload.ts'

const SECONDS = 8

const program = (name: string): string =>
  made(`hostile-${name}`, `hostile/${name}.c`, (source, path) => [
    'cc',
    ...['-O2', '-g', '-fomit-frame-pointer', '-fno-optimize-sibling-calls', '-pthread'],
    ...['-Wall', '-Werror', '-o', path, source],
  ])

interface Section {
  readonly name: string
  /** Of its header. */
  readonly header: number
  readonly offset: number
  readonly size: number
}

/** Where fields of an ELF file lie. */
const SHOFF = 0x28
const SHNUM = 0x3c
const SECTION_BYTES = 64

function sectionsOf(elf: Buffer): Section[] {
  const table = Number(elf.readBigUInt64LE(SHOFF))
  const headers = Array.from({ length: elf.readUInt16LE(SHNUM) }, (_, index) => table + index * SECTION_BYTES)
  const place = (header: number) => ({
    header,
    offset: Number(elf.readBigUInt64LE(header + 24)),
    size: Number(elf.readBigUInt64LE(header + 32)),
  })
  const names = place(headers[elf.readUInt16LE(0x3e)]!)
  return headers.map((header) => {
    const start = names.offset + elf.readUInt32LE(header)
    return { name: elf.toString('latin1', start, elf.indexOf(0, start)), ...place(header) }
  })
}

function bytesOf(elf: Buffer, name: string): Buffer {
  const section = sectionsOf(elf).find((each) => each.name === name)
  assert.ok(section, name)
  return elf.subarray(section.offset, section.offset + section.size)
}

/** Fills with bytes that mean nothing, but no zeros: texts among them have no end. */
function garble(bytes: Buffer): void {
  const random = new Mutations(4)
  for (let at = 0; at < bytes.length; at++) bytes[at] = 1 + random.below(255)
}

/** What may be said in a file without being needed to run it. */
const FORGERIES: Readonly<Record<string, (elf: Buffer) => void>> = {
  'far-sections': (elf) => {
    elf.writeBigUInt64LE((1n << 63n) - 64n, SHOFF)
    elf.writeUInt16LE(0xffff, SHNUM)
  },
  'huge-sections': (elf) => {
    for (const { header } of sectionsOf(elf)) elf.writeBigUInt64LE((1n << 63n) - 1n, header + 32)
  },
  'endless-names': (elf) => {
    for (const name of ['.symtab', '.strtab', '.shstrtab']) garble(bytesOf(elf, name))
  },
  'garbled-rows': (elf) => {
    for (const name of ['.eh_frame', '.eh_frame_hdr']) garble(bytesOf(elf, name))
  },
  'cyclic-rows': (elf) => {
    // Every entry is a function's, whose common entry is itself.
    const rows = bytesOf(elf, '.eh_frame')
    for (let at = 0; at + 8 <= rows.length; at += rows.readUInt32LE(at) + 4) rows.writeUInt32LE(4, at + 4)
  },
}

function forged(directory: string, name: string): string {
  const path = join(directory, name)
  copyFileSync(program('forged'), path)
  const elf = readFileSync(path)
  // Equal build ids are equal files.
  bytesOf(elf, '.note.gnu.build-id').write(name, 16)
  FORGERIES[name]?.(elf)
  writeFileSync(path, elf)
  return path
}

const samplesOf = ({ complete, unverified, broken }: ProcessStacks): number =>
  complete + unverified + sum(Object.values(broken))

test('forged files, files that shrink and mappings that change harm neither the agent nor their neighbours', (context) => {
  const cwd = temporaryDirectory(context)
  const hostile = [
    ...Object.keys(FORGERIES).map((name) => forged(cwd, name)),
    ...['looping', 'costly', 'churning'].map(program),
    `${program('shrinking')} ${SECONDS} shrunk`,
  ]
  const commands = [program('steady'), ...hostile].map((command) =>
    command.includes(' ') ? command : `${command} ${SECONDS}`,
  )
  const script = `${commands.map((command) => `${command} &`).join(' ')} wait`
  const recorded = sonde(['record', '-F', '499', '--summary', 's.json', '--', 'sh', '-c', script], { cwd })
  assert.equal(recorded.status, 0, recorded.stderr)
  const { stacks, self, samples } = readSummary(join(cwd, 's.json'))
  const by = new Map(stacks.processes.map((process) => [process.comm, process]))
  context.diagnostic(JSON.stringify({ self, taken: samples.taken, processes: stacks.processes }))

  const steady = by.get('hostile-steady')
  assert.ok(steady !== undefined && samplesOf(steady) > 50, recorded.stderr)
  assert.ok(steady.complete >= 0.99 * samplesOf(steady), JSON.stringify(steady))
  for (const name of [...Object.keys(FORGERIES), 'hostile-looping', 'hostile-costly', 'hostile-churnin']) {
    assert.ok(by.has(name), `${name} was not sampled`)
  }
  for (const reason of Object.keys(stacks.broken)) assert.match(reason, /^\[(truncated|broken): /)
  // Half of it is the start, and the names of functions.
  assert.ok(self.cpuSeconds < 5, `${self.cpuSeconds} s of CPU`)
  assert.ok(self.maxRssBytes < 300 * 2 ** 20, `${self.maxRssBytes} bytes`)

  const folded = ['convert', 'perf.data', '-o', 'x.folded']
  assert.equal(sonde(folded, { cwd }).status, 0)
})
