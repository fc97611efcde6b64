// A package upgrade while a program runs: the library at the path is another one than the program has mapped.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { isInstalled, run, sonde, temporaryDirectory } from '../support/sonde.ts'
import { buildIdOf } from '../support/symbol-oracle.ts'

const LIBRARY = `
  volatile unsigned long sink;
  void __attribute__((noinline)) WORK(long rounds) { for (long i = 0; i < rounds; i++) sink += i * i; }
  void run(void) { for (;;) WORK(100000000L); }
`
const PROGRAM = `
  #include <unistd.h>
  void run(void);
  int main(void) { alarm(60); return write(1, "ready\\n", 6) == 6 ? run(), 0 : 1; }
`
const needs =
  process.getuid?.() === 0 && ['gcc', 'objcopy', 'readelf'].every(isInstalled)
    ? {}
    : { skip: 'needs root, gcc and binutils' }

function gcc(folder: string, ...args: readonly string[]): void {
  const made = run('gcc', ['-O1', ...args], { cwd: folder })
  assert.equal(made.status, 0, made.stderr)
}

const library = (folder: string, work: string, name: string): void =>
  gcc(folder, '-shared', '-fPIC', `-DWORK=${work}`, '-Wl,--build-id', '-o', name, 'library.c')

async function started(context: TestContext, program: string): Promise<number> {
  const child = spawn(program, { stdio: ['ignore', 'pipe', 'inherit'] })
  context.after(() => child.kill('SIGKILL'))
  assert.ok(child.stdout)
  await once(child.stdout, 'data')
  return child.pid ?? 0
}

test('a replaced library lends its names to nobody who has the old one', needs, async (context) => {
  const folder = temporaryDirectory(context)
  writeFileSync(join(folder, 'library.c'), LIBRARY)
  writeFileSync(join(folder, 'program.c'), PROGRAM)
  library(folder, 'old_work', 'libwork.so')
  gcc(folder, '-o', 'program', 'program.c', '-L.', '-lwork', '-Wl,-rpath,$ORIGIN')
  const pid = await started(context, join(folder, 'program'))
  const id = buildIdOf(join(folder, 'libwork.so'))
  const debug = join('debug/.build-id', id.slice(0, 2), `${id.slice(2)}.debug`)
  mkdirSync(join(folder, debug, '..'), { recursive: true })
  run('objcopy', ['--only-keep-debug', 'libwork.so', debug], { cwd: folder })
  library(folder, 'new_work', 'new.so')
  renameSync(join(folder, 'new.so'), join(folder, 'libwork.so'))

  const outputs = ['-o', 'live.folded', '-o', 'perf.data']
  const recorded = sonde(['record', '-F', '199', '-p', `${pid}`, '--duration', '2s', ...outputs], {
    cwd: folder,
  })
  assert.equal(recorded.status, 0, recorded.stderr)
  // The file that is mapped can still be read while the process lives.
  const live = readFileSync(join(folder, 'live.folded'), 'utf8')
  assert.match(live, /;run;old_work /)
  assert.doesNotMatch(live, /new_work/)

  const later = sonde(['report', 'perf.data'], { cwd: folder })
  assert.match(later.stdout, /libwork\.so/)
  assert.doesNotMatch(later.stdout, /new_work|old_work/)
  assert.match(later.stderr, /libwork\.so.*not on this machine any more/)
  const withDebugFile = sonde(['report', 'perf.data', '--debug-dir', 'debug'], { cwd: folder })
  assert.match(withDebugFile.stdout, /old_work/, withDebugFile.stderr)
})
