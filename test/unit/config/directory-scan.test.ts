import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { basename, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { scanDirectory } from '../../../src/config/directory-scan.ts'
import { temporaryDirectory } from '../../support/config-directories.ts'

/** By name: the text, or what is wrong, or that it is ignored. */
async function scanned(directory: string): Promise<Readonly<Record<string, string>>> {
  const { files } = await scanDirectory(directory)
  return Object.fromEntries(
    files.map((one) => {
      const what =
        one.is === 'text' ? one.text : one.is === 'unreadable' ? `! ${one.problem}` : `(${one.reason})`
      return [basename(one.file), what]
    }),
  )
}

function directoryWith(context: TestContext, files: Readonly<Record<string, string | Uint8Array>>): string {
  const directory = temporaryDirectory(context)
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content)
  return directory
}

test('YAML and JSON are read, by name, whatever the case of their extension', async (context) => {
  const directory = directoryWith(context, { 'b.yml': 'B', 'a.YAML': 'A', 'c.Json': 'C', 'README.md': 'D' })
  assert.deepEqual(Object.entries(await scanned(directory)), [
    ['README.md', '(only .yaml, .yml and .json are read)'],
    ['a.YAML', 'A'],
    ['b.yml', 'B'],
    ['c.Json', 'C'],
  ])
})

test("the kubelet's own entries and what editors leave behind are passed over", async (context) => {
  const names = ['.#a.yaml', 'a.yaml~', '.a.yaml.swp', '.a.yaml.swx', '#a.yaml#', '4913', '..data.yaml']
  const directory = directoryWith(
    context,
    Object.fromEntries([...names, 'a.yaml'].map((name) => [name, 'A'])),
  )
  mkdirSync(join(directory, '..2026_11_22_12_00_00.123456789'))
  assert.deepEqual(await scanned(directory), { 'a.yaml': 'A' })
})

test('links are followed, through as many as there are', async (context) => {
  const directory = temporaryDirectory(context)
  mkdirSync(join(directory, '..2026'))
  writeFileSync(join(directory, '..2026/a.yaml'), 'A')
  symlinkSync('..2026', join(directory, '..data'))
  symlinkSync('..data/a.yaml', join(directory, 'a.yaml'))
  assert.deepEqual(await scanned(directory), { 'a.yaml': 'A' })
})

test('what cannot be read is told in words, stops nobody, and blocks nothing', async (context) => {
  const directory = directoryWith(context, {
    'a.yaml': 'A',
    'big.yaml': Buffer.alloc(2 * 1024 * 1024, 'x'),
    'latin1.yaml': Buffer.from('name: caf\xe9\n', 'latin1'),
    'empty.yaml': '',
  })
  mkdirSync(join(directory, 'directory.yaml'))
  symlinkSync('loop.yaml', join(directory, 'loop.yaml'))
  symlinkSync('nothing.yaml', join(directory, 'dangling.yaml'))
  symlinkSync('/dev/zero', join(directory, 'device.yaml'))
  execFileSync('mkfifo', [join(directory, 'pipe.yaml')])
  const server = createServer().listen(join(directory, 'socket.yaml'))
  context.after(() => server.close())
  await new Promise((resolve) => server.once('listening', resolve))

  assert.deepEqual(await scanned(directory), {
    'a.yaml': 'A',
    'big.yaml': '! is larger than 1 MiB, which is as much as a ConfigMap holds',
    'dangling.yaml': '! is a link to something that does not exist',
    'device.yaml': '! is a device, not a file',
    'directory.yaml': '! is a directory; directories in a directory of configuration are not read',
    'empty.yaml': '! is empty: delete it if nothing is wanted of it',
    'latin1.yaml': '! is not UTF-8 text',
    'loop.yaml': '! is a loop of links',
    'pipe.yaml': '! is a named pipe, not a file',
    'socket.yaml': '! is a socket, not a file',
  })
})

test('a file of exactly 1 MiB is read, and a byte order mark is not part of the text', async (context) => {
  const whole = 'x'.repeat(1024 * 1024)
  const directory = directoryWith(context, { 'a.yaml': whole, 'b.yaml': '\uFEFFB' })
  const files = await scanned(directory)
  assert.equal(files['a.yaml'], whole)
  assert.equal(files['b.yaml'], 'B')
})

test('a file that its reader may not read is told with the user', async (context) => {
  if (process.getuid?.() === 0) return asNobody(context)
  const directory = directoryWith(context, { 'a.yaml': 'A' })
  chmodSync(join(directory, 'a.yaml'), 0)
  assert.match((await scanned(directory))['a.yaml'] ?? '', /^! cannot be read by user \d+ \(EACCES\)$/)
})

/** Root may read everything: for the moment of the scan this process is somebody else to the file system. */
async function asNobody(context: TestContext): Promise<void> {
  const directory = directoryWith(context, { 'a.yaml': 'A' })
  chmodSync(directory, 0o755)
  chmodSync(join(directory, 'a.yaml'), 0o600)
  const code = `
    import { scanDirectory } from ${JSON.stringify(join(import.meta.dirname, '../../../src/config/directory-scan.ts'))}
    process.setuid(65534)
    console.log(JSON.stringify((await scanDirectory(${JSON.stringify(directory)})).files))`
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', code], { encoding: 'utf8' })
  assert.match(output, /"problem":"cannot be read by user 65534 \(EACCES\)"/)
}

test('a directory that is missing, and one that is a file, are told apart', async (context) => {
  const directory = directoryWith(context, { file: '' })
  assert.deepEqual((await scanDirectory(join(directory, 'none'))).directory, { is: 'missing' })
  assert.deepEqual((await scanDirectory(join(directory, 'file'))).directory, {
    is: 'unreadable',
    problem: 'is not a directory',
  })
})

test('a file is known to be written again though its text is the same', async (context) => {
  const directory = directoryWith(context, { 'a.yaml': 'A' })
  const written = async (): Promise<string> => {
    const [file] = (await scanDirectory(directory)).files
    return file?.is === 'text' ? file.written : ''
  }
  const first = await written()
  assert.equal(await written(), first)
  utimesSync(join(directory, 'a.yaml'), 1, 1)
  const touched = await written()
  assert.notEqual(touched, first)
  writeFileSync(join(directory, 'new'), 'A')
  renameSync(join(directory, 'new'), join(directory, 'a.yaml'))
  assert.notEqual(await written(), touched)
})

test('another directory at the same path is another one, also where it takes over the inode', async (context) => {
  const directory = join(temporaryDirectory(context), 'a')
  const anchor = async (): Promise<string> => (await scanDirectory(directory)).anchor
  const missing = await anchor()
  mkdirSync(directory)
  const first = await anchor()
  rmdirSync(directory)
  assert.equal(await anchor(), missing)
  await sleep(20) // kernels before 6.13 date files to the tick
  mkdirSync(directory)
  const second = await anchor()
  assert.equal(new Set([missing, first, second]).size, 3)
  writeFileSync(join(directory, 'a.yaml'), 'A')
  assert.equal(await anchor(), second)
  rmSync(directory, { recursive: true })
})
