import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { constants } from 'node:fs'
import { mkdir, open, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ProcFiles } from '../../../src/attribution/proc-files.ts'
import { processStatusOf } from '../../../src/attribution/process-status.ts'
import { milliseconds } from '../../../src/core/units.ts'
import { temporaryDirectory } from '../../support/sonde.ts'

/** However busy the machine is. */
const PATIENT = milliseconds(60_000)

async function untilRead(proc: ProcFiles): Promise<void> {
  while ((await proc.commandLine(12)).outcome !== 'read') await sleep(1)
}

/** A directory in the place of /proc, with these files of process 12. */
async function procOf(context: TestContext, files: Readonly<Record<string, string>>): Promise<string> {
  const root = temporaryDirectory(context)
  await mkdir(join(root, '12'))
  for (const [name, text] of Object.entries(files)) await writeFile(join(root, '12', name), text)
  return root
}

test('this process is seen as it is', async () => {
  const proc = new ProcFiles({ limit: PATIENT })
  const status = processStatusOf(proc.stat(process.pid) ?? '')
  assert.ok(status !== undefined && !status.isZombie && !status.isKernelThread)
  assert.ok(status.start - proc.sleptFor() < process.hrtime.bigint())
  assert.equal(proc.executable(process.pid), process.execPath)
  assert.match(proc.cgroup(process.pid) ?? '', /^\d+:/)
  const commandLine = await proc.commandLine(process.pid)
  assert.ok(commandLine.outcome === 'read')
  assert.match(new TextDecoder().decode(commandLine.bytes), /proc-files\.test\.ts\0/)
})

test('a process that is gone has nothing', async (context) => {
  const proc = new ProcFiles({ root: await procOf(context, {}), limit: PATIENT })
  assert.equal(proc.stat(13), undefined)
  assert.equal(proc.cgroup(13), undefined)
  assert.equal(proc.executable(13), undefined)
  assert.deepEqual(await proc.commandLine(13), { outcome: 'gone' })
  assert.deepEqual(await proc.environment(13), { outcome: 'gone' })
  assert.equal(proc.sleptFor(), 0n)
})

test('of what a process has written no more is read than is bounded', async (context) => {
  const text = 'x'.repeat(200_000)
  const root = await procOf(context, { stat: text, cgroup: text, cmdline: text, environ: text })
  await symlink('/usr/bin/shop (deleted)', join(root, '12/exe'))
  const proc = new ProcFiles({ root, limit: PATIENT })
  assert.equal(proc.stat(12)?.length, 4096)
  assert.equal(proc.cgroup(12)?.length, 4096)
  assert.equal(proc.executable(12), '/usr/bin/shop (deleted)')
  const [commandLine, environment] = [await proc.commandLine(12), await proc.environment(12)]
  assert.equal(commandLine.outcome === 'read' && commandLine.bytes.length, 4096)
  assert.equal(environment.outcome === 'read' && environment.bytes.length, 131_072)
})

test('memory that never answers is given up, and holds two threads at most', async (context) => {
  const root = await procOf(context, { cmdline: 'shop' })
  const environ = join(root, '12/environ')
  assert.equal(spawnSync('mkfifo', [environ]).status, 0)
  const proc = new ProcFiles({ root, limit: milliseconds(5) })
  assert.deepEqual(await proc.environment(12), { outcome: 'slow' })
  await untilRead(proc)
  assert.deepEqual(await proc.environment(12), { outcome: 'slow' })
  assert.deepEqual(await proc.commandLine(12), { outcome: 'slow' }, 'nothing more is begun')
  // Whoever opens the other end lets them go.
  const end = await open(environ, constants.O_RDWR)
  await end.write('A=1\0'.repeat(2))
  await end.close()
  await untilRead(proc)
})
