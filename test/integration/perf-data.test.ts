import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { test } from 'node:test'
import { FAULTS, UNIX_OFFSET, windowBatches } from '../unit/formats/perf-data/fixture.ts'
import {
  assertPerfReads,
  consumerOf,
  contextOf,
  NO_PERF,
  perf,
  plainSession,
  temporaryDirectory,
} from './perf-data-tools.ts'

const never = new AbortController().signal

test('perf reads a file of several windows and two events, with the same samples and sums', {
  skip: NO_PERF,
}, async (t) => {
  const directory = temporaryDirectory(t)
  const sessions = [plainSession(3), { ...FAULTS(4), host: plainSession(4).host }]
  const consumer = consumerOf({}, contextOf(directory))
  await consumer.start()
  for (let sequence = 0; sequence < 5; sequence++) {
    for (const batch of windowBatches({ sessions, sequence, samples: 40, processes: 3 }))
      await consumer.consumeProfiles(batch, never)
  }
  await consumer.stop()

  const { files, written, bytes, lost } = consumer.outcome()
  assert.equal(files.length, 1)
  const [file = ''] = files
  assert.equal(written, 400)
  assert.equal(bytes, statSync(file).size)
  assert.deepEqual(lost, {})
  assertPerfReads(file, {
    'cpu-clock': { samples: 200, value: 200n * 10_101_010n },
    'page-faults:u': { samples: 200, value: 200n },
  })
})

test('perf shows every header that was written, and resolves processes, mappings and wall-clock time', {
  skip: NO_PERF,
}, async (t) => {
  const directory = temporaryDirectory(t)
  const consumer = consumerOf({}, contextOf(directory))
  await consumer.start()
  for (const batch of windowBatches({ sessions: [plainSession(0)], sequence: 0, samples: 3 }))
    await consumer.consumeProfiles(batch, never)
  await consumer.stop()
  const [file = ''] = consumer.outcome().files

  const header = perf('report', '--header-only', '-i', file)
  for (const line of [
    '# hostname : node-7',
    '# os release : 6.18.1',
    '# perf version : sonde 0.0.0',
    '# arch : x86_64',
    '# nrcpus online : 2',
    '# nrcpus avail : 4',
    '# cpudesc : Some CPU @ 2 GHz',
    '# cpuid : GenuineIntel,6,85,7',
    '# total memory : 16000000 kB',
    '# cmdline : sonde record -a ',
    '# clockid frequency: 1000 MHz',
    '# clockid: monotonic (1)',
    '# time of first sample : 100.000000',
    '# time of last sample : 100.666666',
  ]) {
    assert.ok(header.includes(`${line}\n`), `${line} is missing in\n${header}`)
  }
  assert.match(
    header,
    /event : name = cpu-clock, , id = \{ 1 \}, type = 1, size = 112, .*sample_freq \} = 99,.* freq = 1/,
  )
  const unixSeconds = (UNIX_OFFSET / 1_000_000_000n + 100n).toString()
  assert.ok(header.includes(`= ${unixSeconds}.000000 (TOD) = 100.000000000 (monotonic)`), header)
  assert.match(perf('buildid-list', '-i', file), /aabbccddeeff00112233445566778899aabbccdd \/srv\/app\n/)
  const script = perf('script', '-i', file, '-F', 'comm,pid,cpu,ip,dso')
  // perf prints offsets in files: svma 0x401100 of a file whose 0x1000 is mapped at svma 0x401000.
  assert.match(script, /^app {2}1000 \[000\] \n\s+1100 \(\/srv\/app\)\n\s+1040 \(\/srv\/app\)\n/)
  assert.match(
    script,
    /\s+f+[0-9a-f]+1000 \(\[kernel.kallsyms\]\)\n\s+f+[0-9a-f]+2000 .*\n\s+2000 \(\/srv\/plain\)\n/,
  )
})

test('fifty rotated files are complete in themselves', { skip: NO_PERF }, async (t) => {
  const directory = temporaryDirectory(t)
  const consumer = consumerOf({ rotationInterval: '1s', maxFiles: 0 }, contextOf(directory))
  await consumer.start()
  for (let sequence = 0; sequence < 50; sequence++) {
    for (const batch of windowBatches({ sessions: [plainSession(1)], sequence, samples: 20 + sequence })) {
      await consumer.consumeProfiles(batch, never)
    }
  }
  await consumer.stop()
  const { files, written } = consumer.outcome()
  assert.equal(files.length, 50)
  assert.equal(new Set(files).size, 50)
  let samples = 0
  for (const file of files) {
    const rows = perf('script', '-i', file, '-F', 'comm,period').trim().split('\n')
    // The comm comes from the file's own snapshot.
    for (const row of rows) assert.match(row, /^\s*app\s+10101010\s*$/, file)
    samples += rows.length
  }
  assert.equal(samples, written)
})

test('lost samples are told to perf', { skip: NO_PERF }, async (t) => {
  const directory = temporaryDirectory(t)
  const consumer = consumerOf({}, contextOf(directory))
  await consumer.start()
  for (const batch of windowBatches({ sessions: [plainSession(1)], sequence: 0, samples: 20, lost: 7 }))
    await consumer.consumeProfiles(batch, never)
  await consumer.stop()
  const [file = ''] = consumer.outcome().files
  assert.match(perf('report', '--stdio', '--stats', '-i', file), /LOST events:\s+1 /)
})

test('the kernel and its modules have their maps', { skip: NO_PERF }, async (t) => {
  const directory = temporaryDirectory(t)
  const consumer = consumerOf({}, contextOf(directory))
  await consumer.start()
  const { host } = plainSession(1)
  const modules = [{ name: 'sonde_test_module', start: 0xffffffffc0a00000n, size: 0x4000n }]
  const withModule = plainSession(1, { host: { ...host, kernel: { ...host.kernel!, modules } } })
  for (const batch of windowBatches({ sessions: [withModule], sequence: 0, samples: 20 })) {
    await consumer.consumeProfiles(batch, never)
  }
  await consumer.stop()
  const [file = ''] = consumer.outcome().files
  const maps = perf('script', '-i', file, '--show-mmap-events', '-F', 'comm')
  assert.match(
    maps,
    /PERF_RECORD_MMAP -1\/0: \[(0xf+[0-9a-f]+)\(0x[0-9a-f]+\) @ \1\]: x \[kernel.kallsyms\]_text/,
  )
  assert.match(maps, /PERF_RECORD_MMAP -1\/0: \[0xffffffffc0a00000\(0x4000\) @ 0\]: x \[sonde_test_module\]/)
  perf('report', '--stdio', '-i', file)
})

test('records of 120 processes and stacks of 1000 frames are read', { skip: NO_PERF }, async (t) => {
  const directory = temporaryDirectory(t)
  const consumer = consumerOf({}, contextOf(directory))
  await consumer.start()
  const spec = { sessions: [plainSession(1)], sequence: 0, samples: 120, processes: 120, depth: 1000 }
  for (const batch of windowBatches(spec)) await consumer.consumeProfiles(batch, never)
  await consumer.stop()
  const [file = ''] = consumer.outcome().files
  assertPerfReads(file, { 'cpu-clock': { samples: 120, value: 120n * 10_101_010n } })
})
