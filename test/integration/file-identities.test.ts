// What tells a file from others travels with every image that was sampled, and in perf.data.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { appendFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Image } from '../../src/core/process.ts'
import { Replay } from '../../src/sampler/replay.ts'
import { isInstalled, run, sonde, temporaryDirectory } from '../support/sonde.ts'
import { workload } from '../support/workload.ts'

/** OpenTelemetry's htlhash, by Node's own SHA-256. */
function contentHashOf(path: string): string {
  const bytes = readFileSync(path)
  const length = Buffer.alloc(8)
  length.writeBigUInt64BE(BigInt(bytes.length))
  const hash = createHash('sha256')
    .update(bytes.subarray(0, 4096))
    .update(bytes.subarray(-4096))
    .update(length)
  return hash.digest('hex').slice(0, 32)
}

async function recordedImages(t: TestContext, command: readonly string[]): Promise<readonly Image[]> {
  const file = join(temporaryDirectory(t), 'perf.data')
  const recorded = sonde(['record', '-F', '499', '-o', file, '--', ...command])
  assert.equal(recorded.status, 0, recorded.stderr)
  const replay = Replay.open(file)
  const images: Image[] = []
  await replay.run({ emit: async ([batch]) => void images.push(...(batch?.processes.images ?? [])) })
  replay.close()
  return images
}

test('a sampled file has its content hash', async (t) => {
  const program = workload('shares')
  const images = await recordedImages(t, [program, '1'])
  const found = images.find(({ path }) => path === program)
  assert.equal(found?.contentHash, contentHashOf(program))
  assert.equal(found?.goBuildId, undefined)
})

test('a program without a build id is named by its content, and not by another’s', (t) => {
  const directory = temporaryDirectory(t)
  const program = join(directory, 'plain')
  const source = join(import.meta.dirname, '../workloads/shares.c')
  const compiled = run('cc', ['-O1', '-fno-omit-frame-pointer', '-Wl,--build-id=none', '-o', program, source])
  assert.equal(compiled.status, 0, compiled.stderr)
  const data = join(directory, 'perf.data')
  assert.equal(sonde(['record', '-F', '499', '-o', data, '--', program, '1']).status, 0)
  const namesOf = (output: string) => {
    const converted = sonde(['convert', data, '-o', output])
    assert.equal(converted.status, 0, converted.stderr)
    return readFileSync(output, 'utf8')
  }
  assert.match(namesOf(join(directory, 'same.folded')), /three_quarters/)
  appendFileSync(program, 'one byte more')
  assert.doesNotMatch(namesOf(join(directory, 'other.folded')), /three_quarters/)
})

test('a Go program has its Go build id, stripped or not', async (t) => {
  if (!isInstalled('go')) return t.skip('needs go')
  const program = join(temporaryDirectory(t), 'spin')
  const source = join(import.meta.dirname, '../workloads/unwind/mixed.go')
  const built = run('go', ['build', '-ldflags=-s -w', '-o', program, source])
  assert.equal(built.status, 0, built.stderr)
  const images = await recordedImages(t, [program, '1'])
  const found = images.find(({ path }) => path === program)
  assert.equal(found?.goBuildId, run('go', ['tool', 'buildid', program]).stdout.trim())
  assert.equal(found?.contentHash, contentHashOf(program))
})
