// What profiles of a real load cost on the wire, names included: bytes per sample of the windows of 10 s that `sonde record`
// of these three sends to a sink on loopback. CPU 0: libc_heavy; CPU 1: a Python and a Node program, where those are installed (the load of
// reference/peers-measured.md, on which opentelemetry-ebpf-profiler sends 17.7 bytes at 99 Hz and 12.3 at 999, without names).
//
//   npm run bench -- otlp-bytes

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { readOtlp } from '../support/otlp-reader.ts'
import { launcher } from '../support/sonde.ts'
import { unwindWorkloads } from '../support/unwind-workloads.ts'

const SECONDS = 20
const file = join(mkdtempSync(join(tmpdir(), 'sonde-bench-')), 'perf.data')

const bodies: Buffer[] = []
const sink = createServer((request, response) => {
  const pieces: Buffer[] = []
  request.on('data', (piece: Buffer) => pieces.push(piece))
  request.on('end', () => {
    bodies.push(Buffer.concat(pieces))
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
  })
})
await new Promise<void>((resolve) => sink.listen(0, '127.0.0.1', resolve))
const endpoint = `http://127.0.0.1:${(sink.address() as AddressInfo).port}`

const onCpu = (cpu: number, command: readonly string[]) =>
  spawn('taskset', ['-c', `${cpu}`, ...command], { stdio: 'ignore' })
const loadSource = (name: string): string => join(import.meta.dirname, 'load', name)
const has = (program: string): boolean => spawnSync('which', [program]).status === 0

for (const rate of [99, 999]) {
  const lasts = SECONDS + 3
  const loads = [onCpu(0, unwindWorkloads.libcHeavy.command(lasts))]
  loads.push(onCpu(1, [process.execPath, loadSource('busy.js'), `${lasts}`]))
  if (has('python3')) loads.push(onCpu(1, ['python3', loadSource('busy.py'), `${lasts}`]))
  bodies.length = 0
  const pids = loads.map(({ pid }) => pid).join()
  const options = [
    '-F',
    `${rate}`,
    '--duration',
    `${SECONDS}s`,
    '-o',
    file,
    '--otlp-profiles-endpoint',
    endpoint,
  ]
  const agent = spawn(launcher, ['record', '-p', pids, ...options], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  await once(agent, 'exit')
  for (const load of loads) load.kill('SIGKILL')
  const plain = bodies.map((body) => gunzipSync(body))
  const samples = plain
    .flatMap((body) => readOtlp(body))
    .flatMap((profile) => profile.samples)
    .reduce((sum, { values }) => sum + Number(values[0] ?? 0n), 0)
  const perSample = (sizes: readonly number[]): string =>
    (sizes.reduce((sum, size) => sum + size, 0) / samples).toFixed(1)
  console.log(
    `${rate} Hz: ${samples} samples in ${bodies.length} messages; bytes per sample: ` +
      `${perSample(plain.map(({ length }) => length))} plain, ${perSample(bodies.map(({ length }) => length))} sent, ` +
      `${perSample(plain.map((body) => gzipSync(body).length))} by gzip -6`,
  )
}
sink.close()
rmSync(dirname(file), { recursive: true })
