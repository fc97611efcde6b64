// Functions of JavaScript in a plain running node, of each release line that is known: named, truly, and in proportion.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { nodeOf } from '../support/node-releases.ts'
import { type ReadLocation, type ReadPprof, type ReadSample, readPprof } from '../support/pprof-reader.ts'
import { run, sonde, sum, temporaryDirectory } from '../support/sonde.ts'
import { workloadSource } from '../support/workload.ts'

const SECONDS = 5
const FREQUENCY = 1999
/** Until everything is compiled that will be. */
const WARM_MS = 1500
/** Four standard deviations of 4,000 samples: where the program gets a third of a CPU. */
const SHARE = 0.03
const NAMED = 0.95
/** Functions below it may be missed by one profile or the other. */
const COMPARED = 0.02

for (const major of [20, 22, 24]) {
  const { path: node = '', skip } = nodeOf(major)
  const options = skip === undefined ? {} : { skip }

  test(`Node ${major}: two functions have their shares of the time`, options, async (context) => {
    const profile = await recorded(context, node, 'node/shares.cjs')
    const shares = (name: string) => shareOf(profile, (at) => at.lines.some((line) => line.function === name))
    context.diagnostic(`often ${shares('often')}, seldom ${shares('seldom')}`)
    assert.ok(Math.abs(shares('often') - 0.75) <= SHARE, `often: ${shares('often')}`)
    assert.ok(Math.abs(shares('seldom') - 0.25) <= SHARE, `seldom: ${shares('seldom')}`)
  })

  test(
    `Node ${major}: functions of every sort are named, each by what stands in its source`,
    options,
    async (context) => {
      const profile = await recorded(context, node, 'node/names.mjs')
      const frames = profile.samples.flatMap(({ locations, values }) =>
        locations.filter(isJavaScript).map((frame) => ({ frame, weight: Number(values[0]) })),
      )
      const weightOf = (some: typeof frames): number => sum(some.map(({ weight }) => weight))
      const named = frames.filter(({ frame }) => frame.lines.some(({ file }) => file !== ''))
      const share = weightOf(named) / weightOf(frames)
      context.diagnostic(`${share} of the JavaScript frames are named`)
      const nameless = frames.filter((each) => !named.includes(each)).flatMap(({ frame }) => frame.functions)
      context.diagnostic(`not: ${[...new Set(nameless)].join()}`)
      assert.ok(frames.length > 300)
      assert.ok(share >= NAMED, `${share}`)
      const sources = new Sources(node)
      const lines = named.flatMap(({ frame }) => frame.lines)
      const wrong = new Set(lines.map((line) => contradictionOf(line, sources)))
      assert.deepEqual([...wrong].filter(Boolean), [])
      const ofNode = new Set(lines.filter(({ file }) => file.startsWith('node:')).map(keyOf))
      context.diagnostic(`functions of node's own scripts: ${[...ofNode].join()}`)
      assert.ok(ofNode.size > 0)
      const seen = new Set(named.flatMap(({ frame }) => frame.functions))
      const expected = [
        'spin',
        'area',
        'get weight',
        'fetchLike',
        'series',
        'evaluated',
        'allocate',
        'main',
        'n',
        't.b',
      ]
      assert.deepEqual(
        expected.filter((name) => !seen.has(name)),
        [],
      )
    },
  )

  test(`Node ${major}: its own profile names the same functions`, options, async (context) => {
    const profile = await recorded(context, node, 'node/names.mjs')
    const theirs = profiledByNode(context, node)
    const ours = sharesOf(profile)
    const large = [...theirs].filter(([, share]) => share >= COMPARED).map(([key]) => key)
    assert.ok(large.length > 5, large.join())
    assert.deepEqual(
      large.filter((key) => !ours.has(key)),
      [],
      'what node says, Sonde says',
    )
    const own = [...ours].filter(([key, share]) => share >= COMPARED && /\/workloads\/node\//.test(key))
    assert.deepEqual(
      own.filter(([key]) => !theirs.has(key)).map(([key]) => key),
      [],
      'what Sonde says, node says',
    )
  })
}

test('names are in perf.data, and outlive the process', async (context) => {
  const file = join(temporaryDirectory(context), 'a.data')
  await record(context, process.execPath, 'node/shares.cjs', file)
  const report = sonde(['report', file, '--top', '3'])
  assert.match(report.stdout, /often +shares\.cjs\n.*seldom +shares\.cjs\n/, report.stdout + report.stderr)
})

/** Of the clock's time, that of samples with such a frame. */
function shareOf({ samples }: ReadPprof, has: (location: ReadLocation) => boolean): number {
  const weight = (some: readonly ReadSample[]) => sum(some.map(({ values }) => Number(values[0])))
  return weight(samples.filter(({ locations }) => locations.some(has))) / weight(samples)
}

/** Of each function, wherever it is on the stack. */
function sharesOf({ samples }: ReadPprof): Map<string, number> {
  const shares = new Map<string, number>()
  const all = sum(samples.map(({ values }) => Number(values[0])))
  for (const { locations, values } of samples) {
    for (const key of new Set(locations.flatMap(({ lines }) => lines.map(keyOf)))) {
      shares.set(key, (shares.get(key) ?? 0) + Number(values[0]) / all)
    }
  }
  return shares
}

function isJavaScript({ mapping, lines }: ReadLocation): boolean {
  const [innermost] = lines
  const interprets = innermost?.function === 'Builtins_InterpreterEntryTrampoline'
  return lines.some(({ file }) => file !== '') || interprets || mapping?.file === '//anon'
}

/** The scripts that frames may be of: the program's, what it evaluates, and those within node. */
class Sources {
  readonly #natives: Readonly<Record<string, string>>

  constructor(node: string) {
    const asked = run(node, [
      '--no-warnings',
      '-e',
      'console.log(JSON.stringify(process.binding("natives")))',
    ])
    this.#natives = JSON.parse(asked.stdout) as Record<string, string>
  }

  /** No lines where there is no such script. */
  linesOf(file: string): readonly string[] {
    if (file.startsWith('node:')) return this.#natives[file.slice('node:'.length)]?.split('\n') ?? []
    if (file === 'evaluated.js') return ['(function evaluated(n) {']
    return file.includes('/workloads/node/') ? readFileSync(file, 'utf8').split('\n') : []
  }
}

/** Why a name cannot be right; '' where nothing speaks against it, and of builtins, which have no script. */
function contradictionOf(line: ReadLocation['lines'][number], sources: Sources): string {
  const { function: name, file, line: number } = line
  if (file === '') return ''
  const source = sources.linesOf(file)
  const [before = '', text = ''] = ['', ...source].slice(number - 1)
  const word = name.split(/[ .]/).at(-1) ?? ''
  if (name === '(anonymous)')
    return number === 1 || /=>|function/.test(text) ? '' : `${name} at ${file}:${number}`
  // V8's name of what gives the fields of a class their values; it begins at the first of them.
  if (name === '<instance_members_initializer>' && /^\s*(#?[\w$]+|\[.+\]|'.*')\s*(=|;|$)/.test(text))
    return ''
  // A constructor that nobody wrote begins, for V8, with what comes first in its class.
  const holds = text.includes(word) || before.includes(`class ${word} {`)
  return holds ? '' : `${name} at ${file}:${number}`
}

const keyOf = ({ function: name, file, line }: ReadLocation['lines'][number]): string =>
  `${name} ${file}:${line}`

/** What is inlined into a loop is the loop, for node's own profiler, so that of some functions it sees nothing. */
const NOTHING_INLINED = ['--no-turbo-inlining', '--no-maglev-inlining']

/** The shares of functions of the program in node's own profile of another run. */
function profiledByNode(context: TestContext, node: string): Map<string, number> {
  const directory = temporaryDirectory(context)
  const options = [...NOTHING_INLINED, '--cpu-prof', `--cpu-prof-dir=${directory}`]
  run(node, [...options, workloadSource('node/names.mjs'), String(SECONDS)])
  const [file = ''] = readdirSync(directory)
  const { nodes } = JSON.parse(readFileSync(join(directory, file), 'utf8')) as CpuProfile
  const hits = sum(nodes.map((node) => node.hitCount))
  const shares = new Map<string, number>()
  for (const { callFrame, hitCount } of nodes) {
    const { functionName, url, lineNumber } = callFrame
    if (!url.includes('/workloads/node/')) continue
    const source = url.startsWith('file:') ? fileURLToPath(url) : url
    const key = keyOf({ function: functionName || '(anonymous)', file: source, line: lineNumber + 1 })
    shares.set(key, (shares.get(key) ?? 0) + hitCount / hits)
  }
  return shares
}

interface CpuProfile {
  readonly nodes: readonly {
    readonly hitCount: number
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  }[]
}

async function recorded(context: TestContext, node: string, source: string): Promise<ReadPprof> {
  const file = join(temporaryDirectory(context), `${basename(source)}.pb.gz`)
  await record(context, node, source, file)
  return readPprof(gunzipSync(readFileSync(file)))
}

async function record(context: TestContext, node: string, source: string, into: string): Promise<void> {
  const child = spawn(node, [workloadSource(source), String(SECONDS * 10)], { stdio: 'ignore' })
  context.after(() => stop(child))
  await sleep(WARM_MS)
  const options = ['-F', String(FREQUENCY), '-p', String(child.pid), '--duration', `${SECONDS}s`]
  const result = sonde(['record', ...options, '-o', into])
  assert.equal(result.status, 0, result.stderr)
  await stop(child)
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}
