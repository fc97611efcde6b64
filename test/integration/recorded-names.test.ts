// Names in files that perf recorded: those that perf script gives, and none from a file or a kernel that was not recorded.

import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import {
  copyFileSync,
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { buildIdOf } from '../support/file-frames.ts'
import { lacks } from '../support/line-oracle.ts'
import { launcher, type Run, run, sonde } from '../support/sonde.ts'
import { vmlinuxOf } from '../support/vmlinux.ts'
import { workloadSource } from '../support/workload.ts'
import { NO_PERF, perf } from './perf-data-tools.ts'

/** How often each function stands in a stack. */
type Counts = ReadonlyMap<string, number>

/** What a remark on an image begins with. */
const NAMELESS = /^sonde convert: [/[]/m
const ATTEMPTS = 6
const CONFUSED = 'another event of this machine wants build ids, so that perf cannot record without them'
const ANOTHER_KERNEL = '00112233445566778899aabbccddeeff00112233'

const skip = NO_PERF || lacks('cc', 'gcc') || lacks('objcopy', 'binutils')

describe('names in files of perf', { skip }, () => {
  let folder: string
  let program: string
  let file: string
  let emptyCache: string
  let kernelId: string

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'sonde-recorded-'))
    program = join(folder, 'bin', 'reader')
    emptyCache = join(folder, 'no-cache')
    mkdirSync(dirname(program))
    mkdirSync(emptyCache)
    compile('-O1')
    file = record('perf.data', '--buildid-mmap')
    kernelId = /^(\w+) \[kernel/m.exec(perf('buildid-list', '-i', file))?.[1] ?? ''
  })
  after(() => rmSync(folder, { recursive: true }))

  const compile = (...flags: readonly string[]) =>
    execFileSync('cc', [...flags, '-fno-omit-frame-pointer', '-o', program, workloadSource('reader.c')])

  /** `--no-buildid-cache`: what perf would keep of the files must not name them. */
  function record(name: string, ...options: readonly string[]): string {
    const path = join(folder, name)
    const events = ['-e', 'cpu-clock', '-F', '997', '-g', '--no-buildid-cache']
    run('perf', ['record', '-o', path, ...events, ...options, '--', program, '400'])
    return path
  }

  /**
   * The same without build ids in the mappings. Linux confuses such records while another event of the machine wants build
   * ids, as Sonde's do, and perf dies of it: then there is nothing to compare.
   */
  async function recordWithoutMapped(
    name: string,
    ...options: readonly string[]
  ): Promise<string | undefined> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const path = record(name, ...options)
      if (run('perf', ['script', '-i', path]).status === 0) return path
      await sleep(500)
    }
    return undefined
  }

  const changed = (from: string, to: string): string => withBuildId(file, { from, to })

  function ours(path: string, ...options: readonly string[]): Run & { readonly counts: Counts } {
    const folded = join(folder, 'out.folded')
    const result = sonde(['convert', path, '-o', folded, ...options], {
      env: { ...process.env, PERF_BUILDID_DIR: emptyCache },
    })
    return { ...result, counts: result.status === 0 ? foldedCounts(readFileSync(folded, 'utf8')) : new Map() }
  }

  const perfs = (path: string, ...options: readonly string[]): Counts =>
    scriptCounts(perf('script', '-i', path, '-F', 'ip,sym', '--no-inline', ...options))

  test('are those of perf script, of the program, of libraries and of the kernel', () => {
    const { counts, stderr } = ours(file)
    assert.doesNotMatch(stderr, NAMELESS)
    assert.deepEqual(difference(counts, perfs(file)), [])
    for (const name of ['spin', 'main', 'do_syscall_64']) assert.ok(counts.has(name), name)
  })

  test('follow the build ids that perf looked up when it ended', async (t) => {
    const listed = await recordWithoutMapped('listed.data')
    if (listed === undefined) return t.skip(CONFUSED)
    const copied = join(folder, 'listed-elsewhere.data')
    writeFileSync(copied, readFileSync(listed))
    const { counts } = ours(copied)
    assert.deepEqual(difference(counts, perfs(listed)), [])
  })

  test('are told where perf wrote no build id of a file that is still the same here', async (t) => {
    const without = await recordWithoutMapped('without.data', '--no-buildid')
    if (without === undefined) return t.skip(CONFUSED)
    assert.ok(ours(without).counts.has('spin'))
    // Whatever happens to the file later, it is not known to be the one that was recorded.
    execFileSync('touch', [program])
    const later = ours(without)
    assert.ok(!later.counts.has('spin'))
    assert.match(later.stderr, /reader: the recording has no build id of it, and it was changed since/)
  })

  test('are not taken from a program that was replaced', () => {
    const kept = join(folder, 'kept')
    copyFileSync(program, kept)
    compile('-O2', '-DANOTHER')
    try {
      const { counts, stderr } = ours(file)
      assert.ok(!counts.has('spin'))
      assert.ok(counts.has('do_syscall_64'))
      assert.match(stderr, /reader: another file than the one that was mapped/)
    } finally {
      renameSync(kept, program)
    }
  })

  test('are not taken from this kernel where another one was recorded', () => {
    const { counts, stderr, status } = ours(changed(kernelId, ANOTHER_KERNEL))
    assert.equal(status, 0)
    assert.ok(counts.has('spin'))
    assert.ok(!counts.has('do_syscall_64'))
    assert.match(stderr, new RegExp(`another kernel runs here .*${ANOTHER_KERNEL}.*--kallsyms FILE`))
  })

  test('of the kernel are those of a copy of its kallsyms, in this boot and after another', () => {
    const other = changed(kernelId, ANOTHER_KERNEL)
    const list = join(folder, 'kallsyms')
    writeFileSync(list, readFileSync('/proc/kallsyms'))
    const expected = perfs(file, '--kallsyms', list)
    assert.deepEqual(difference(ours(other, '--kallsyms', list).counts, expected), [])
    writeFileSync(list, movedBy(readFileSync(list, 'latin1'), 0x1240_0000n))
    assert.deepEqual(difference(ours(other, '--kallsyms', list).counts, expected), [])
  })

  test('of the kernel are refused of a list that is hidden, foreign or none', () => {
    const list = join(folder, 'wrong')
    const kallsyms = readFileSync('/proc/kallsyms', 'latin1')
    const refusal = (text: string): string => {
      writeFileSync(list, text)
      const { status, stderr } = ours(file, '--kallsyms', list)
      assert.notEqual(status, 0)
      return stderr
    }
    assert.match(refusal(kallsyms.replaceAll(/^[0-9a-f]{16}/gm, '0'.repeat(16))), /every address is 0/)
    assert.match(
      refusal(kallsyms.replace(/^[0-9a-f]{16} T _etext$/m, 'ffffffffa0000000 T _etext')),
      /not of the recorded kernel .*Copy/,
    )
    assert.match(refusal('nothing\n'), /no copy of \/proc\/kallsyms/)
    assert.match(sonde(['report', file, '--kallsyms', join(folder, 'absent')]).stderr, /nothing of that name/)
  })

  test('of the kernel are those of the vmlinux that has the recorded build id, as perf script gives them', () => {
    const image = join(folder, 'vmlinux')
    vmlinuxOf({ kallsyms: readFileSync('/proc/kallsyms', 'latin1'), path: image })
    const id = buildIdOf(image)
    const recorded = changed(kernelId, id)
    const { counts, stderr } = ours(recorded, '--vmlinux', image)
    assert.doesNotMatch(stderr, /kernel\.kallsyms/)
    assert.deepEqual(difference(counts, perfs(recorded, '--vmlinux', image)), [])
    assert.ok(counts.has('do_syscall_64'))
    // Found by itself, where the recorded machine's root has it.
    const root = join(folder, 'root')
    mkdirSync(join(root, 'usr/lib/debug/boot'), { recursive: true })
    copyFileSync(image, join(root, 'usr/lib/debug/boot', `vmlinux-${run('uname', ['-r']).stdout.trim()}`))
    assert.ok(ours(recorded, '--symfs', root).counts.has('do_syscall_64'))
    const refused = ours(file, '--vmlinux', image)
    assert.notEqual(refused.status, 0)
    assert.match(refused.stderr, new RegExp(`${id}.*${kernelId}`))
  })

  test('are those of files below --symfs, and then of none outside', () => {
    const root = join(folder, 'symfs')
    const copy = (path: string, to: string) => {
      mkdirSync(dirname(join(root, to)), { recursive: true })
      copyFileSync(path, join(root, to))
    }
    copy(program, program)
    const { counts } = ours(file, '--symfs', root)
    assert.ok(counts.has('spin'))
    const user = perfs(file, '--symfs', root, '--kallsyms', '/proc/kallsyms')
    assert.equal(counts.get('spin'), user.get('spin'))
    assert.equal(counts.get('read_zeros'), user.get('read_zeros'))
    assert.ok(
      ![...counts.keys()].some((name) => /libc_(open|start)/.test(name)),
      [...counts.keys()].join(' '),
    )
    rmSync(root, { recursive: true })
    copy(program, 'reader')
    assert.equal(ours(file, '--symfs', root).counts.get('spin'), counts.get('spin'))
  })

  test('come from a separate debug file below --symfs', () => {
    const root = join(folder, 'debug-root')
    const id = buildIdOf(program)
    const debug = join(root, 'usr/lib/debug/.build-id', id.slice(0, 2), `${id.slice(2)}.debug`)
    mkdirSync(dirname(debug), { recursive: true })
    mkdirSync(dirname(join(root, program)), { recursive: true })
    execFileSync('objcopy', ['--only-keep-debug', program, debug])
    execFileSync('strip', ['-o', join(root, program), program])
    assert.ok(ours(file, '--symfs', root).counts.has('spin'))
  })

  test('come from what perf keeps by build id, of programs that are gone', () => {
    const cache = join(folder, 'cache')
    perf('--buildid-dir', cache, 'buildid-cache', '--add', program)
    const gone = join(folder, 'gone')
    renameSync(program, gone)
    try {
      assert.ok(!ours(file).counts.has('spin'))
      assert.ok(ours(file, '--buildid-dir', cache).counts.has('spin'))
    } finally {
      renameSync(gone, program)
    }
    assert.ok(existsSync(cache))
  })
})

describe('names that debuginfod servers give', { skip }, () => {
  let folder: string
  let file: string
  let programId: string
  let server: Server
  /** By path of the request. */
  const files = new Map<string, string>()
  const asked: string[] = []

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sonde-served-'))
    const program = join(folder, 'reader')
    file = join(folder, 'perf.data')
    execFileSync('cc', ['-O1', '-fno-omit-frame-pointer', '-o', program, workloadSource('reader.c')])
    const events = ['-e', 'cpu-clock', '-F', '997', '-g', '--buildid-mmap', '--no-buildid-cache']
    execFileSync('perf', ['record', '-o', file, ...events, '--', program, '400'], { stdio: 'ignore' })
    programId = buildIdOf(program)
    renameSync(program, join(folder, 'served'))
    server = createServer((request, response) => {
      asked.push(request.url ?? '')
      const path = files.get(request.url ?? '')
      if (path === undefined) response.writeHead(404).end()
      else createReadStream(path).pipe(response)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  })
  after(() => {
    server.closeAllConnections()
    server.close()
    rmSync(folder, { recursive: true })
  })

  /** The server runs in this process, which must not wait for the command. */
  async function converted(recording: string): Promise<{ readonly counts: Counts; readonly stderr: string }> {
    const folded = join(folder, 'out.folded')
    const env = {
      ...process.env,
      PERF_BUILDID_DIR: join(folder, 'none'),
      XDG_CACHE_HOME: join(folder, 'cache'),
      DEBUGINFOD_URLS: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    }
    asked.length = 0
    const command = ['convert', recording, '-o', folded, '--debuginfod']
    const { stderr } = await promisify(execFile)(launcher, command, { env })
    return { counts: foldedCounts(readFileSync(folded, 'utf8')), stderr }
  }

  test('a program that this machine never had is named by what a server has under its build id, and only by that', async () => {
    const path = `/buildid/${programId}/executable`
    const other = join(folder, 'other')
    execFileSync('cc', ['-O2', '-DANOTHER', '-o', other, workloadSource('reader.c')])
    files.set(path, other)
    const mistaken = await converted(file)
    assert.ok(!mistaken.counts.has('spin'))
    assert.match(mistaken.stderr, /what it sent is not of the build id/)
    files.set(path, join(folder, 'served'))
    const { counts, stderr } = await converted(file)
    assert.ok(counts.has('spin'))
    assert.doesNotMatch(stderr, NAMELESS)
  })

  test('what was received is kept: nobody is asked again', async () => {
    assert.ok((await converted(file)).counts.has('spin'))
    assert.ok(!asked.some((path) => path.endsWith('/executable')), asked.join(' '))
  })

  test('a kernel that does not run here is named by the vmlinux of its build id', async () => {
    const image = join(folder, 'vmlinux')
    vmlinuxOf({ kallsyms: readFileSync('/proc/kallsyms', 'latin1'), path: image })
    const id = buildIdOf(image)
    const kernelId = /^(\w+) \[kernel/m.exec(perf('buildid-list', '-i', file))?.[1] ?? ''
    const recording = withBuildId(file, { from: kernelId, to: id })
    const nameless = await converted(recording)
    assert.ok(!nameless.counts.has('do_syscall_64'))
    assert.match(nameless.stderr, /another kernel runs here/)
    rmSync(join(folder, 'cache'), { recursive: true })
    files.set(`/buildid/${id}/debuginfo`, image)
    const { counts, stderr } = await converted(recording)
    assert.ok(counts.has('do_syscall_64'))
    assert.doesNotMatch(stderr, /kernel\.kallsyms/)
  })
})

/** A copy of a recording in which one build id is another. */
function withBuildId(file: string, { from, to }: { readonly from: string; readonly to: string }): string {
  const bytes = readFileSync(file)
  const [old, id] = [Buffer.from(from, 'hex'), Buffer.from(to, 'hex')]
  for (let at = bytes.indexOf(old); at >= 0; at = bytes.indexOf(old, at + 1)) id.copy(bytes, at)
  const path = `${file}.changed`
  writeFileSync(path, bytes)
  return path
}

function foldedCounts(folded: string): Counts {
  const counts = new Map<string, number>()
  for (const line of folded.split('\n')) {
    const end = line.lastIndexOf(' ')
    const [, ...frames] = line.slice(0, end).split(';')
    for (const frame of frames) add(counts, frame.replace(/_\[[kij]\]$/, ''), Number(line.slice(end + 1)))
  }
  return counts
}

function scriptCounts(script: string): Counts {
  const counts = new Map<string, number>()
  for (const [, name = ''] of script.matchAll(/^\s+[0-9a-f]+ (\S+)/gm)) add(counts, name, 1)
  return counts
}

function add(counts: Map<string, number>, name: string, count: number): void {
  // The vdso is not named where its kernel does not run.
  const isNamed = !/^\[|\+0x|^0x|^__vdso_/.test(name)
  const plain = name.replace(/@@?GLIBC.*/, '')
  if (isNamed) counts.set(plain, (counts.get(plain) ?? 0) + count)
}

const difference = (ours: Counts, theirs: Counts): readonly string[] =>
  [...new Set([...ours.keys(), ...theirs.keys()])]
    .filter((name) => ours.get(name) !== theirs.get(name))
    .map((name) => `${name}: ${ours.get(name) ?? 0} here, ${theirs.get(name) ?? 0} by perf`)

/** As after a boot in which the kernel lies elsewhere. */
const movedBy = (kallsyms: string, distance: bigint): string =>
  kallsyms.replaceAll(/^ffffffff[89a-f][0-9a-f]{7}/gm, (address) =>
    (BigInt(`0x${address}`) + distance).toString(16),
  )
