import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Clock } from '../../../../src/base/clock.ts'
import { DEBUGINFOD_DEFAULTS, type DebuginfodPolicy } from '../../../../src/core/symbol-policy.ts'
import { milliseconds } from '../../../../src/core/units.ts'
import { Debuginfod } from '../../../../src/symbols/debuginfod/debuginfod.ts'
import { elfWithBuildId } from '../../../support/elf-with-build-id.ts'

const ID = 'ab0123456789cdef0123456789cdef0123456789'
const OTHER = 'cd0123456789cdef0123456789cdef0123456789'

/** A clock that moves only when somebody sleeps. */
class FakeClock implements Clock {
  time = 0
  readonly sleeps: number[] = []
  now = (): number => this.time
  sleep = async (ms: number): Promise<void> => {
    this.sleeps.push(ms)
    this.time += ms
  }
}

interface Setting {
  readonly client: Debuginfod
  readonly paths: readonly string[]
  readonly problems: readonly string[]
  readonly clock: FakeClock
  readonly directory: string
  readonly url: string
  /** Another client over the same directory. */
  readonly again: () => Debuginfod
}

async function serving(
  t: TestContext,
  listener: RequestListener,
  changes: Partial<DebuginfodPolicy> = {},
): Promise<Setting> {
  const paths: string[] = []
  const server = createServer((request, response) => {
    paths.push(request.url ?? '')
    listener(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const directory = mkdtempSync(join(tmpdir(), 'sonde-debuginfod-'))
  const url = urlOf(server)
  const problems: string[] = []
  const clock = new FakeClock()
  const clients: Debuginfod[] = []
  const again = () => {
    const policy = { ...DEBUGINFOD_DEFAULTS, urls: [url], timeout: milliseconds(2000), ...changes }
    const client = new Debuginfod({
      policy: { ...policy, cacheDirectory: directory },
      report: (problem) => problems.push(problem),
      clock,
    })
    clients.push(client)
    return client
  }
  t.after(() => {
    for (const client of clients) client.close()
    server.closeAllConnections()
    server.close()
    rmSync(directory, { recursive: true, force: true })
  })
  return { client: again(), paths, problems, clock, directory, url, again }
}

const urlOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`

const fileOf = ({ directory }: Setting, id = ID): string =>
  join(directory, '.build-id', id.slice(0, 2), `${id.slice(2)}.debug`)

/** What lies in the directory, below the two digits. */
const filesIn = ({ directory }: Setting): readonly string[] =>
  existsSync(join(directory, '.build-id'))
    ? readdirSync(join(directory, '.build-id'), { recursive: true, encoding: 'utf8' }).filter((name) =>
        name.includes('.'),
      )
    : []

/** Those that are there afterwards. */
async function fetched(setting: Setting, ...ids: readonly string[]): Promise<readonly string[]> {
  setting.client.want(ids)
  await setting.client.idle()
  return ids.filter((id) => existsSync(fileOf(setting, id)))
}

const sends =
  (file: Buffer): RequestListener =>
  (_, response) =>
    response.end(file)

test('a file comes by its build id and lies where gdb and we look for it', async (t) => {
  const file = elfWithBuildId(ID)
  const setting = await serving(t, sends(file))
  assert.deepEqual(await fetched(setting, ID), [ID])
  assert.deepEqual(setting.paths, [`/buildid/${ID}/debuginfo`])
  assert.deepEqual(readFileSync(fileOf(setting)), file)
  assert.deepEqual(setting.client.stats(), { asked: 1, received: 1, missing: 0, failed: 0, dropped: 0 })
  assert.deepEqual(setting.problems, [])
})

test('what is there is not asked for again, now or after a restart', async (t) => {
  const setting = await serving(t, sends(elfWithBuildId(ID)))
  await fetched(setting, ID)
  await fetched(setting, ID)
  await fetched({ ...setting, client: setting.again() }, ID)
  assert.equal(setting.paths.length, 1)
})

test('what no server has is not asked for again for a day', async (t) => {
  const setting = await serving(t, (_, response) => response.writeHead(404).end())
  assert.deepEqual(await fetched(setting, ID), [])
  await fetched({ ...setting, client: setting.again() }, ID)
  assert.equal(setting.paths.length, 1)
  assert.equal(setting.client.stats().missing, 1)
  assert.deepEqual(setting.problems, [])
})

test('a file of another build id is thrown away, and its server left alone', async (t) => {
  const setting = await serving(t, sends(elfWithBuildId(OTHER)))
  assert.deepEqual(await fetched(setting, ID), [])
  assert.deepEqual(filesIn(setting), [])
  assert.match(setting.problems[0] ?? '', /not of the build id that was asked for/)
  await fetched(setting, OTHER)
  assert.equal(setting.paths.length, 1)
})

for (const [what, file] of [
  ['no ELF file', Buffer.from('<html>hello</html>')],
  ['an empty file', Buffer.alloc(0)],
  ['a file with headers that lead nowhere', elfWithBuildId(ID).fill(0xff, 40, 48)],
] as const) {
  test(`${what} is not believed`, async (t) => {
    const setting = await serving(t, sends(file))
    assert.deepEqual(await fetched(setting, ID), [])
    assert.deepEqual(filesIn(setting), [])
  })
}

test('a file that says it is too large is not received', async (t) => {
  const setting = await serving(
    t,
    (_, response) => response.writeHead(200, { 'content-length': 10_000 }).flushHeaders(),
    { maxFileBytes: 5000 },
  )
  assert.deepEqual(await fetched(setting, ID), [])
  assert.match(setting.problems[0] ?? '', /it has 10000 bytes/)
})

test('a file that turns out too large is not received to its end', async (t) => {
  const setting = await serving(
    t,
    (_, response) => {
      const more = () => {
        if (!response.destroyed) response.write(Buffer.alloc(4096), more)
      }
      more()
    },
    { maxFileBytes: 100_000 },
  )
  assert.deepEqual(await fetched(setting, ID), [])
  assert.match(setting.problems[0] ?? '', /more than 100000 bytes/)
  assert.deepEqual(
    filesIn(setting).filter((name) => !name.endsWith('.missing')),
    [],
  )
})

test('a server that never finishes is given up in time', async (t) => {
  const setting = await serving(t, (_, response) => void response.writeHead(200).write('x'), {
    timeout: milliseconds(150),
  })
  assert.deepEqual(await fetched(setting, ID), [])
  assert.match(setting.problems[0] ?? '', /took longer than 150 ms/)
  assert.deepEqual(filesIn(setting), [])
})

test('a file that breaks off is thrown away', async (t) => {
  const setting = await serving(t, (_, response) => {
    response.writeHead(200, { 'content-length': 1000 }).write('x', () => response.destroy())
  })
  assert.deepEqual(await fetched(setting, ID), [])
  assert.equal(setting.client.stats().failed, 1)
  assert.deepEqual(filesIn(setting), [])
})

test('a redirection is followed, a loop of them is not', async (t) => {
  const file = elfWithBuildId(ID)
  const setting = await serving(t, (request, response) => {
    if (request.url === '/there') response.end(file)
    else response.writeHead(302, { location: '/there' }).end()
  })
  assert.deepEqual(await fetched(setting, ID), [ID])
  const looping = await serving(t, (_, response) => response.writeHead(302, { location: '/loop' }).end())
  assert.deepEqual(await fetched(looping, ID), [])
  assert.ok(looping.paths.length < 10)
  assert.match(looping.problems[0] ?? '', /from place to place/)
})

test('a redirection to a file of this machine is not followed', async (t) => {
  const setting = await serving(t, (_, response) =>
    response.writeHead(302, { location: 'file:///etc/passwd' }).end(),
  )
  assert.deepEqual(await fetched(setting, ID), [])
  assert.match(setting.problems[0] ?? '', /sends us to file:/)
})

test('compressed answers were not asked for and are not taken', async (t) => {
  const setting = await serving(t, (_, response) =>
    response.writeHead(200, { 'content-encoding': 'gzip' }).end('x'),
  )
  assert.deepEqual(await fetched(setting, ID), [])
  assert.match(setting.problems[0] ?? '', /gzip/)
})

test('a server that fails is left alone, longer each time', async (t) => {
  const setting = await serving(t, (_, response) => response.writeHead(500).end())
  const idAt = (index: number) => index.toString(16).padStart(40, '0')
  await fetched(setting, idAt(1))
  await fetched(setting, idAt(2))
  assert.equal(setting.paths.length, 1)
  setting.clock.time += 61_000
  await fetched(setting, idAt(3))
  assert.equal(setting.paths.length, 2)
  setting.clock.time += 61_000
  await fetched(setting, idAt(4))
  assert.equal(setting.paths.length, 2)
})

test('what failed is tried again later', async (t) => {
  let well = false
  const setting = await serving(t, (_, response) => {
    if (well) response.end(elfWithBuildId(ID))
    else response.writeHead(500).end()
  })
  await fetched(setting, ID)
  well = true
  assert.deepEqual(await fetched(setting, ID), [])
  setting.clock.time += 601_000
  assert.deepEqual(await fetched(setting, ID), [ID])
})

test('no more requests are sent in a minute than are allowed', async (t) => {
  const setting = await serving(t, (_, response) => response.writeHead(404).end(), { perMinute: 2 })
  await fetched(
    setting,
    ...Array.from({ length: 5 }, (_, index) => `ee${index.toString(16).padStart(38, '0')}`),
  )
  assert.equal(setting.paths.length, 5)
  assert.deepEqual(setting.clock.sleeps, [60_000, 60_000])
})

test('what servers are asked for cannot lead elsewhere', async (t) => {
  const setting = await serving(t, (_, response) => response.writeHead(404).end())
  await fetched(setting, '../../../../etc/passwd', '', 'ab', 'AB'.repeat(20), 'a'.repeat(400))
  assert.deepEqual(setting.paths, [])
})

test('of several servers the first that has the file gives it', async (t) => {
  const empty = await serving(t, (_, response) => response.writeHead(404).end())
  const file = elfWithBuildId(ID)
  const setting = await serving(t, sends(file))
  const both = await serving(t, () => undefined, { urls: [empty.url, `${setting.url}/`] })
  assert.deepEqual(await fetched(both, ID), [ID])
  assert.equal(empty.paths.length, 1)
})

test('files that were used longest ago go when there are too many bytes', async (t) => {
  const ids = ['aa', 'bb', 'cc'].map((digits) => digits.repeat(20))
  const size = elfWithBuildId(ID).length
  const setting = await serving(
    t,
    (request, response) => response.end(elfWithBuildId(request.url?.split('/')[2] ?? '')),
    { maxCacheBytes: 2 * size },
  )
  for (const id of ids) {
    await fetched(setting, id)
    await new Promise((resolve) => setTimeout(resolve, 20)) // the file system tells times apart
  }
  assert.deepEqual(
    ids.map((id) => existsSync(fileOf(setting, id))),
    [false, true, true],
  )
})

test('closing ends what is under way, and nothing is asked for afterwards', async (t) => {
  const setting = await serving(t, () => setting.client.close())
  assert.deepEqual(await fetched(setting, ID, OTHER), [])
  assert.equal(setting.paths.length, 1)
  assert.deepEqual(setting.problems, [])
  assert.deepEqual(await fetched(setting, OTHER), [])
  assert.equal(setting.paths.length, 1)
})

test('a directory that cannot be written to is told once', async (t) => {
  const setting = await serving(t, sends(elfWithBuildId(ID)))
  rmSync(setting.directory, { recursive: true })
  const client = new Debuginfod({
    policy: { ...DEBUGINFOD_DEFAULTS, urls: [setting.url], cacheDirectory: '/proc/none' },
    report: (problem) => (setting.problems as string[]).push(problem),
    clock: setting.clock,
  })
  await fetched({ ...setting, client }, ID)
  await fetched({ ...setting, client }, OTHER)
  assert.equal(setting.problems.length, 1)
  assert.equal(setting.paths.length, 0)
})
