// Functions that a file does not list itself: in separate debug files, in its compressed table, in Go's, and stubs.

import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { NativeNameRequest, NativeNameResult, NativeSymbolsOptions } from '../../src/native/binding.ts'
import { loadAddon } from '../../src/native/load.ts'
import { agreesWithNm, requestFor } from '../support/name-request.ts'
import { ALL_SOURCES, OWN_TABLES } from '../support/symbol-options.ts'
import { answerAt, buildIdOf, functionsOf, lacks, numbers, Oracle } from '../support/symbol-oracle.ts'

const PROGRAM = `
  #include <stdio.h>
  #include <stdlib.h>
  #include <string.h>
  #include <unistd.h>
  static int __attribute__((noinline)) hidden(int depth) { return depth < 1 ? getpid() : hidden(depth - 1) + 1; }
  static int __attribute__((noinline)) compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
  int __attribute__((noinline)) listed(int *values, int count) { qsort(values, count, sizeof *values, compare); return values[0] + hidden(count); }
  int (*volatile taken)(const char *) = puts;
  int main(int count, char **words) {
    int values[] = {3, 1, 2, count};
    if (count > 1) { puts("ready"); fflush(stdout); sleep(60); }
    taken(strdup(words[0]));
    return printf("%d\\n", listed(values, 4)) < 0;
  }
`
const LOOKUPS = 2000
const addon = loadAddon()
const run = (program: string, ...args: readonly string[]): string =>
  execFileSync(program, args, { encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'pipe'] })

/** Whether a file can be made by this command, which tools of this machine may be too old for. */
const can = (program: string, ...args: readonly string[]): boolean =>
  spawnSync(program, args, { stdio: 'ignore' }).status === 0

interface Asked {
  readonly pid?: number
  readonly buildId?: string
  readonly options?: NativeSymbolsOptions
}

const identified = (path: string, addresses: readonly bigint[], buildId: string): NativeNameRequest => {
  const status = existsSync(path) ? statSync(path, { bigint: true }) : { dev: 0n, ino: 0n }
  const device = ((status.dev >> 8n) << 32n) | (status.dev & 0xffn)
  return requestFor(path, addresses, { buildId, device, inode: status.ino })
}

async function lookUp(
  path: string,
  addresses: readonly bigint[],
  asked: Asked = {},
): Promise<NativeNameResult> {
  const { pid, buildId = buildIdOf(path), options = ALL_SOURCES } = asked
  const symbols = addon.openSymbols(options)
  const request = { ...identified(path, addresses, buildId), pids: pid === undefined ? [] : [pid] }
  const [result] = await symbols.nameImages([request], 60_000)
  symbols.close()
  assert.ok(result)
  assert.equal(result.problem, '')
  return result
}

describe('debug files', { skip: lacks('gcc') || lacks('objcopy') }, () => {
  let folder: string
  let options: NativeSymbolsOptions
  let whole: string
  const inFolder = (name: string): string => {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    return join(folder, name)
  }
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'sonde-debug-'))
    options = { ...ALL_SOURCES, debugDirectories: [join(folder, 'debug')] }
    writeFileSync(inFolder('program.c'), PROGRAM)
    whole = built('whole')
  })
  after(() => rmSync(folder, { recursive: true }))

  const built = (name: string, ...flags: readonly string[]): string => {
    const program = inFolder(name)
    run('gcc', '-O1', '-g', '-Wl,--build-id', ...flags, '-o', program, inFolder('program.c'))
    return program
  }
  const stripped = (from: string, name: string): string => {
    run('strip', '-o', inFolder(name), from)
    return inFolder(name)
  }
  const debugOf = (from: string, name: string, ...flags: readonly string[]): string => {
    run('objcopy', '--only-keep-debug', ...flags, from, inFolder(name))
    return inFolder(name)
  }
  const byBuildId = (of: string): string => {
    const id = buildIdOf(of)
    return `debug/.build-id/${id.slice(0, 2)}/${id.slice(2)}.debug`
  }

  /** In `of` every address has the name that nm gives it in `from`. */
  async function agrees(of: string, from: string, asked: Asked = {}): Promise<void> {
    const { asked: count } = await agreesWithNm(
      { file: from, count: LOOKUPS, uncovered: false },
      (addresses) => lookUp(of, addresses, { options, ...asked }),
    )
    assert.ok(count > LOOKUPS / 5)
  }
  const hiddenOf = (from: string): bigint =>
    functionsOf(from).find(({ name }) => name === 'hidden')?.start ?? assert.fail('no such function')

  test('a stripped program has the names of the debug file with its build id, and without it none', async () => {
    const program = stripped(whole, 'bin/by-id')
    assert.deepEqual((await lookUp(program, [hiddenOf(whole)], { options })).functions, [])
    const debug = debugOf(whole, byBuildId(whole))
    await agrees(program, whole)
    rmSync(debug)
  })

  test('sections compressed with zlib and zstd are no hindrance', async (t) => {
    const program = stripped(whole, 'bin/compressed')
    for (const method of ['zlib', 'zlib-gnu', 'zstd']) {
      if (!can('objcopy', `--compress-debug-sections=${method}`, whole, inFolder('probe'))) {
        t.diagnostic(`objcopy cannot ${method}`)
        continue
      }
      const debug = debugOf(whole, byBuildId(whole), `--compress-debug-sections=${method}`)
      await agrees(program, whole)
      rmSync(debug)
    }
  })

  test('a debug link is followed, with the build id as the proof and without one by its checksum', async () => {
    for (const flag of ['-Wl,--build-id', '-Wl,--build-id=none']) {
      const source = built('linked', flag)
      const debug = debugOf(source, 'bin/linked.debug')
      const program = stripped(source, 'bin/linked')
      run('objcopy', `--add-gnu-debuglink=${debug}`, program)
      await agrees(program, source)
      // Another build of the same name.
      const other = built('other', flag, '-O2', '-DOTHER', '-Wl,-Ttext-segment=0x800000', '-no-pie')
      run('objcopy', '--only-keep-debug', other, debug)
      const result = await lookUp(program, [hiddenOf(source)], { options })
      assert.deepEqual(result.functions, [], flag)
      assert.match(result.note, /linked\.debug: is of another build/)
      rmSync(program)
      rmSync(debug)
    }
  })

  test('a compressed table within the file, made as Fedora makes it', { skip: lacks('xz') }, async () => {
    const program = stripped(whole, 'bin/mini')
    const listed = new Set(
      run('nm', '-D', program, '--format=posix', '--defined-only').split('\n').map(firstWord),
    )
    const functions = run('nm', whole, '--format=sysv', '--defined-only').split('\n')
    const wanted = functions
      .filter((line) => line.split('|')[3]?.trim() === 'FUNC')
      .map((line) => (line.split('|')[0] ?? '').trim())
      .filter((name) => !listed.has(name))
    writeFileSync(inFolder('wanted'), `${wanted.join('\n')}\n`)
    const debug = debugOf(whole, 'mini.debug')
    run(
      'objcopy',
      '-S',
      '--remove-section',
      '.comment',
      `--keep-symbols=${inFolder('wanted')}`,
      debug,
      inFolder('mini'),
    )
    rmSync(inFolder('mini.xz'), { force: true })
    run('xz', inFolder('mini'))
    run('objcopy', '--add-section', `.gnu_debugdata=${inFolder('mini.xz')}`, program)
    await agrees(program, whole)
    const sources = OWN_TABLES.sources
    assert.deepEqual(
      (await lookUp(program, [hiddenOf(whole)], { options: { ...options, sources } })).functions,
      [],
    )
  })

  test('a static program that is relocated', async (t) => {
    if (!can('gcc', '-static-pie', '-o', inFolder('probe'), inFolder('program.c')))
      return t.skip('gcc cannot')
    const source = built('static', '-static-pie')
    const debug = debugOf(source, byBuildId(source))
    await agrees(stripped(source, 'bin/static'), source)
    rmSync(debug)
  })

  test('a program that was deleted while it runs', async () => {
    const program = stripped(whole, 'bin/deleted')
    const buildId = buildIdOf(program)
    const child = spawn(program, ['wait'], { stdio: ['ignore', 'pipe', 'ignore'] })
    await new Promise((resolve) => child.stdout.once('data', resolve))
    rmSync(program)
    const debug = debugOf(whole, byBuildId(whole))
    const pid = child.pid ?? assert.fail('not started')
    const answer = async () =>
      (await lookUp(`${program} (deleted)`, [hiddenOf(whole)], { pid, buildId, options })).functions
    assert.deepEqual(await answer(), ['hidden'])
    child.kill()
    await new Promise((resolve) => child.once('exit', resolve))
    assert.deepEqual(await answer(), ['hidden'], 'the debug file alone')
    rmSync(debug)
  })

  test('a forged file of the same build id and path names its own process only', async (t) => {
    if (!can('unshare', '-m', 'true')) return t.skip('mount namespaces cannot be made here')
    const id = '-Wl,--build-id=0x00112233445566778899aabbccddeeff00112233'
    const honest = built('bin/honest', id)
    const forged = built('forged', id, '-Dhidden=forged')
    assert.equal(hiddenOf(honest), functionsOf(forged).find(({ name }) => name === 'forged')?.start)
    const children = [
      spawn(honest, ['wait'], { stdio: ['ignore', 'pipe', 'ignore'] }),
      spawn('unshare', ['-m', 'sh', '-c', `mount --bind ${forged} ${honest} && exec ${honest} wait`], {
        stdio: ['ignore', 'pipe', 'ignore'],
      }),
    ]
    t.after(() => {
      for (const child of children) child.kill()
    })
    for (const child of children) await new Promise((resolve) => child.stdout.once('data', resolve))
    const pids = children.map(({ pid }) => pid ?? assert.fail('not started'))
    const symbols = addon.openSymbols(options)
    const roots = await symbols.processRoots([...pids, ...pids, 0x7fff_fff0])
    assert.deepEqual(roots.slice(0, 2), roots.slice(2, 4))
    assert.notEqual(roots[0], roots[1])
    assert.equal(roots[4], '')
    const answers = await symbols.nameImages(
      pids.map((pid) => ({ ...identified(honest, [hiddenOf(honest)], buildIdOf(honest)), pids: [pid] })),
      60_000,
    )
    symbols.close()
    assert.deepEqual(
      answers.map(({ functions }) => functions),
      [['hidden'], ['forged']],
    )
    assert.notEqual(answers[0]?.identity, answers[1]?.identity)
  })

  test('the C library with the debug files of its package', async (t) => {
    const libc = mapped('libc.so.6')
    const id = libc === undefined ? '' : buildIdOf(libc)
    const debug = `/usr/lib/debug/.build-id/${id.slice(0, 2)}/${id.slice(2)}.debug`
    if (libc === undefined || !existsSync(debug)) return t.skip('there is none (Debian: libc6-dbg)')
    const malloc =
      functionsOf(debug).find(({ name }) => name === '_int_malloc')?.start ?? assert.fail('no malloc')
    assert.deepEqual((await lookUp(libc, [malloc])).functions, ['_int_malloc'])
    assert.deepEqual((await lookUp(libc, [malloc], { options: OWN_TABLES })).functions, [])
    await agrees(libc, debug, { options: ALL_SOURCES })
    await agreesWithGdb(t, libc, functionsOf(debug))
  })

  test('gdb gives the same names', { skip: lacks('gdb') }, async (t) => {
    await agreesWithGdb(t, whole, functionsOf(whole))
    await agreesWithGdb(t, process.execPath, functionsOf(process.execPath))
  })

  test('stubs have the names that objdump gives them', {
    skip: process.arch !== 'x64' || lacks('objdump'),
  }, async (t) => {
    const libc = mapped('libc.so.6')
    const programs = [
      built('lazy', '-fcf-protection=none', '-fplt', '-Wl,-z,lazy'),
      built('now', '-fcf-protection=none', '-fplt', '-Wl,-z,now'),
      built('marked', '-fcf-protection=full', '-fplt', '-Wl,-z,lazy', '-Wl,-z,ibtplt'),
      built('marked-now', '-fcf-protection=full', '-fplt', '-Wl,-z,now', '-Wl,-z,ibtplt', '-no-pie'),
      ...(can('gcc', '-fuse-ld=lld', '-o', inFolder('probe'), inFolder('program.c'))
        ? [built('lld', '-fuse-ld=lld')]
        : []),
      ...(libc === undefined ? [] : [libc]),
      process.execPath,
    ]
    for (const program of programs) {
      const stubs = stubsOf(program)
      const result = await lookUp(program, [...stubs.keys()])
      const expected = [...stubs.values()]
      const different = expected.filter((name, index) => answerAt(result, index)?.name !== name)
      t.diagnostic(`${program}: ${stubs.size} stubs`)
      assert.deepEqual(different.slice(0, 5), [], program)
      assert.ok(stubs.size > 3 || program === libc, `${program}: ${stubs.size}`)
    }
  })
})

describe('Go without symbols', { skip: hasGo() }, () => {
  test('a stripped program has the names that go tool addr2line gives it', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'sonde-go-names-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const source = new URL('../workloads/unwind/mixed.go', import.meta.url).pathname
    for (const mode of ['exe', 'pie']) {
      const program = join(folder, mode)
      run('go', 'build', `-buildmode=${mode}`, '-ldflags=-s -w', '-o', program, source)
      const text = sectionOf(program, '.text')
      const random = numbers(5)
      const addresses = Array.from({ length: LOOKUPS }, () => text.start + BigInt(random(Number(text.size))))
      const input = addresses.map((address) => `0x${address.toString(16)}`).join('\n')
      const output = execFileSync('go', ['tool', 'addr2line', program], { input, encoding: 'utf8' })
      const expected = output.split('\n').filter((_, line) => line % 2 === 0)
      const result = await lookUp(program, addresses)
      // addr2line gives the innermost inlined function; the function itself is what symbols give.
      const differences = addresses.flatMap((address, index) => {
        const name = answerAt(result, index)?.name ?? '?'
        return name === expected[index]
          ? []
          : [`${address.toString(16)} ${name}, addr2line: ${expected[index]}`]
      })
      t.diagnostic(
        `${mode}: ${differences.length} of ${LOOKUPS} differ; ${differences.slice(0, 3).join('; ')}`,
      )
      assert.deepEqual(differences.slice(0, 5), [])
    }
  })
})

const firstWord = (line: string): string => line.split(' ')[0] ?? ''

function hasGo(): string | false {
  return can('go', 'version') ? false : 'there is no go command'
}

function sectionOf(file: string, name: string): { readonly start: bigint; readonly size: bigint } {
  const line = run('readelf', '-SW', file)
    .split('\n')
    .find((one) => one.includes(` ${name} `))
  const [, start, size] = /\s([0-9a-f]{16}) [0-9a-f]+ ([0-9a-f]+) /.exec(line ?? '') ?? []
  assert.ok(start !== undefined && size !== undefined)
  return { start: BigInt(`0x${start}`), size: BigInt(`0x${size}`) }
}

/** A library of this process, as it is mapped. */
const mapped = (name: string): string | undefined =>
  readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .map((line) => line.slice(73).trim())
    .find((path) => path.includes(name))

/** `name@plt` by where the stub begins, but for those of functions that the loader chooses (`*ABS*`). */
function stubsOf(file: string): ReadonlyMap<bigint, string> {
  const stubs = new Map<bigint, string>()
  for (const section of ['.plt', '.plt.sec', '.plt.got']) {
    const listing = spawnSync('objdump', ['-d', '-j', section, file], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    }).stdout
    for (const [, address = '', name = ''] of listing.matchAll(/^([0-9a-f]{16}) <([^>]+@plt)>:$/gm)) {
      if (!name.startsWith('*ABS*')) stubs.set(BigInt(`0x${address}`), name.replace(/@@?[\w.]+@plt$/, '@plt'))
    }
  }
  return stubs
}

/** `info symbol` for addresses within functions. Names of one place are one. */
async function agreesWithGdb(
  t: { diagnostic(message: string): void },
  file: string,
  functions: ReturnType<typeof functionsOf>,
): Promise<void> {
  const random = numbers(11)
  const sized = functions.filter(({ start, end }) => end > start)
  const addresses = Array.from({ length: 500 }, () => {
    const { start, end } = sized[random(sized.length)] ?? assert.fail('no functions')
    return start + BigInt(random(Number(end - start)))
  })
  const commands = addresses.flatMap((address) => ['-ex', `info symbol 0x${address.toString(16)}`])
  const lines = run('gdb', '-batch', '-nx', '-ex', 'set print demangle off', ...commands, file)
    .split('\n')
    .filter((line) => / in section |^No symbol matches/.test(line))
  assert.equal(lines.length, addresses.length)
  const result = await lookUp(file, addresses)
  const oracle = new Oracle(functions)
  const different = addresses.flatMap((address, index) => {
    const [, name = ''] =
      /^(.+?)(?: \+ \d+)? in section/.exec((lines[index] ?? '').replace('[cold]', '.cold')) ?? []
    const answer = answerAt(result, index)
    if (name === '') return []
    const aliases =
      answer === undefined
        ? []
        : oracle.startingAt(address - answer.offset).map((alias) => alias.name.split('@')[0])
    return aliases.includes(name.split('@')[0])
      ? []
      : [`0x${address.toString(16)}: ${answer?.name}, gdb: ${name}`]
  })
  t.diagnostic(`${file}: ${different.length} of ${addresses.length} differ from gdb; ${different.join('; ')}`)
  assert.ok(different.length <= addresses.length / 100, different.join('\n'))
}
