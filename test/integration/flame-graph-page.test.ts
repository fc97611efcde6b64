/// <reference lib="dom" />
// The page in a real browser, from a file, as a user opens it: made by the sources and by the bundle.

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { after, before } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { type Browser, chromium, type Page } from 'playwright-core'
import { type ComparedStack, encodeDifference } from '../../src/formats/flame-graph/difference.ts'
import { encodeFlameGraph } from '../../src/formats/flame-graph/flame-graph.ts'
import { ProfileAggregate } from '../../src/formats/profile/profile-aggregate.ts'
import { ROOMY } from '../support/aggregated.ts'
import { type TestSample, windowOf } from '../support/profile-window.ts'
import { sessionInfo } from '../support/session.ts'

const CHROMIUM = '/usr/bin/chromium'
const skip = existsSync(CHROMIUM) ? false : `${CHROMIUM} is not installed`
/** Without these it looks for its maker's servers, and root needs --no-sandbox. */
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run']
const QUIET = ['--disable-background-networking', '--disable-component-update', '--disable-sync']

interface DrawnFrame {
  readonly text: string
  readonly x: number
  readonly y: number
  readonly width: number
}
declare global {
  interface Window {
    sondeFlameGraph: {
      frames(): DrawnFrame[]
      search(expression: string): boolean
      zoom(text: string): boolean
    }
  }
}

const faults = sessionInfo({ id: 1, event: { ...sessionInfo().event, name: 'page-faults', unit: 'count' } })
const samples: TestSample[] = [
  { stack: ['memcpy@libc.so.6', 'hot()@app', 'main@app', '_start@app'], count: 60 },
  {
    stack: ['copy_page@kernel', 'do_fault@kernel', 'inner|cold(int)@app', 'main@app', '_start@app'],
    count: 25,
  },
  { stack: ['jitted@anon', '@libnode.so', 'main@app', '_start@app'], count: 10 },
  { stack: ['spin@kernel', '!no frame pointer'], count: 5, comm: 'kworker/0:1' },
]

let browser: Browser
let directory: string
before(async () => {
  if (skip !== false) return
  directory = await mkdtemp(join(tmpdir(), 'sonde-page-'))
  browser = await chromium.launch({ executablePath: CHROMIUM, args: [...FLAGS, ...QUIET] })
})
after(async () => {
  if (skip !== false) return
  await browser.close()
  await rm(directory, { recursive: true, force: true })
})

function exampleProfiles() {
  const aggregate = new ProfileAggregate(ROOMY)
  aggregate.add(windowOf({ samples, losses: { missed: 7, ring_full: 3 } }))
  aggregate.add(
    windowOf({ session: faults, samples: [{ stack: ['touch@app', 'main@app'], value: 1n, count: 4 }] }),
  )
  return [0, 1].map((id) => aggregate.session(id) ?? assert.fail('no such session'))
}

interface OpenPage {
  readonly page: Page
  readonly requests: string[]
  readonly errors: string[]
}

async function openPage(name: string, html: Uint8Array): Promise<OpenPage> {
  const file = join(directory, name)
  await writeFile(file, html)
  const page = await browser.newPage({ viewport: { width: 1200, height: 700 } })
  const requests: string[] = []
  const errors: string[] = []
  page.on('request', (request) => requests.push(request.url()))
  page.on('pageerror', (error) => errors.push(String(error)))
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()))
  await page.goto(pathToFileURL(file).href)
  await page.waitForFunction(() => document.body.dataset.drawn !== undefined)
  return { page, requests, errors }
}

const framesOf = (page: Page): Promise<DrawnFrame[]> => page.evaluate(() => window.sondeFlameGraph.frames())

async function frameOf(page: Page, text: string): Promise<DrawnFrame> {
  return (await framesOf(page)).find((frame) => frame.text === text) ?? assert.fail(`${text} is not drawn`)
}

async function clickOn(page: Page, text: string): Promise<void> {
  const frame = await frameOf(page, text)
  const box = (await page.locator('#graph').boundingBox()) ?? assert.fail('no canvas')
  await page.mouse.click(box.x + frame.x + frame.width / 2, box.y + frame.y + 8)
}

/** Everything a user does with the page. */
async function usePage({ page, requests, errors }: OpenPage): Promise<void> {
  const texts = (await framesOf(page)).map((frame) => frame.text)
  for (const text of [
    'all',
    'app',
    'main',
    'hot()',
    'memcpy',
    'cold(int)',
    'inner',
    'do_fault',
    'no frame pointer',
  ]) {
    assert.ok(texts.includes(text), `${text} is drawn`)
  }
  const all = await frameOf(page, 'all')
  const hot = await frameOf(page, 'hot()')
  assert.ok(Math.abs(hot.width / all.width - 0.6) < 0.001, 'a frame is as wide as its share')
  assert.ok(hot.y < all.y, 'the root is at the bottom')
  assert.equal(await page.textContent('#losses'), '9.09% of samples lost: 3 ring full, 7 missed')

  await page.keyboard.press('/')
  await page.keyboard.type('memcpy|do_fault')
  assert.equal(await page.textContent('#matched'), '85.00% matched')
  await page.fill('#search', '(')
  assert.equal(await page.textContent('#matched'), 'not a regular expression')
  await page.fill('#search', 'hot()')
  assert.equal(await page.getAttribute('body', 'data-matched'), '60.00%')
  await page.keyboard.press('Escape')
  assert.equal(await page.textContent('#matched'), '')

  await clickOn(page, 'cold(int)')
  assert.equal(await page.getAttribute('body', 'data-zoom'), 'cold(int)')
  assert.ok(
    Math.abs((await frameOf(page, 'cold(int)')).width - all.width) < 1,
    'the zoomed frame has the whole width',
  )
  assert.ok(!(await framesOf(page)).some((frame) => frame.text === 'hot()'), 'what is beside it is gone')
  assert.equal(await page.textContent('#path'), 'allapp_startmaincold(int)')
  await page.click('#path button:first-child')
  assert.equal(await page.getAttribute('body', 'data-zoom'), 'all')

  await page.click('#flip')
  assert.ok(
    (await frameOf(page, 'hot()')).y > (await frameOf(page, 'all')).y,
    'an icicle hangs from its root',
  )
  await page.click('#hottest-open')
  assert.match(
    (await page.textContent('#hottest-rows tr:first-child')) ?? '',
    /^60\.00%60\.00%memcpylibc\.so\.6$/,
  )

  await page.selectOption('#event', { label: 'page-faults' })
  assert.equal(await page.getAttribute('body', 'data-total'), '4')
  assert.ok((await framesOf(page)).some((frame) => frame.text === 'touch'))
  assert.equal(requests.length, 1, `nothing but the file is loaded: ${requests}`)
  assert.deepEqual(errors, [])
}

test('the page made by the sources: frames, search, zoom, events, and nothing from outside', {
  skip,
}, async (t) => {
  const open = await openPage('source.html', encodeFlameGraph(exampleProfiles()))
  const picture = await open.page.screenshot({ path: join(directory, 'flame-graph.png') })
  assert.ok(picture.length > 10_000, 'the picture is not empty')
  t.diagnostic(`screenshot of ${picture.length} bytes`)
  await usePage(open)
})

test('the page made by the bundle does the same', { skip }, async () => {
  const outfile = join(directory, 'bundled.mjs')
  await build({
    entryPoints: [fileURLToPath(new URL('../../src/formats/flame-graph/flame-graph.ts', import.meta.url))],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node22',
    // As scripts/bundle.ts has it, and one step further.
    minify: true,
    logLevel: 'error',
  })
  const bundled: { encodeFlameGraph: typeof encodeFlameGraph } = await import(pathToFileURL(outfile).href)
  await usePage(await openPage('bundled.html', bundled.encodeFlameGraph(exampleProfiles())))
})

test('keys alone are enough: arrows move, Enter zooms, Escape goes back', { skip }, async () => {
  const { page } = await openPage('keys.html', encodeFlameGraph(exampleProfiles()))
  await page.focus('#graph')
  const described = async (): Promise<string> => (await page.getAttribute('#graph', 'aria-label')) ?? ''
  for (const key of ['ArrowUp', 'ArrowUp', 'ArrowUp', 'ArrowUp']) await page.keyboard.press(key)
  assert.match(await described(), /hot\(\), user code in app, 60\.00% of all/)
  await page.keyboard.press('ArrowLeft')
  assert.match(await described(), /cold\(int\), user code in app, 25\.00% of all/)
  await page.keyboard.press('ArrowRight')
  await page.keyboard.press('Enter')
  assert.equal(await page.getAttribute('body', 'data-zoom'), 'hot()')
  await page.keyboard.press('Escape')
  assert.equal(await page.getAttribute('body', 'data-zoom'), 'all')
})

test('a comparison shows what has grown in red, what has shrunk in blue, and either recording’s widths', {
  skip,
}, async () => {
  const stack = (path: string, before: number, after: number): ComparedStack => ({
    labels: path
      .split(' ')
      .map((text, depth) => ({ text, module: '', kind: depth === 0 ? 'thread' : 'user' })),
    samples: [before, after],
    weights: [before, after],
  })
  const stacks = [stack('app parse', 6, 30), stack('app write', 4, 40), stack('app wait', 0, 30)]
  const event = { name: 'faults', unit: 'count', figures: ['10 samples', '100 samples'], stacks } as const
  const html = encodeDifference({ names: ['a.data', 'b.data'], events: [event] })
  const { page, errors } = await openPage('difference.html', html)
  const shareOf = async (text: string): Promise<number> =>
    (await frameOf(page, text)).width / (await frameOf(page, 'all')).width
  const colourOf = async (text: string): Promise<'red' | 'blue' | 'grey'> => {
    const { x, y, width } = await frameOf(page, text)
    const at = { x: x + width - 6, y: y + 3 }
    const [red = 0, , blue = 0] = await page.evaluate((place) => {
      const canvas = document.getElementById('graph') as HTMLCanvasElement
      const ratio = canvas.width / canvas.clientWidth
      return [...canvas.getContext('2d')!.getImageData(place.x * ratio, place.y * ratio, 1, 1).data]
    }, at)
    return Math.abs(red - blue) < 20 ? 'grey' : red > blue ? 'red' : 'blue'
  }
  assert.equal(await page.textContent('#facts'), 'a.data: 10 samples · b.data: 100 samples')
  assert.equal(await page.textContent('#legend'), 'has grownhas shrunkas before')
  assert.ok(Math.abs((await shareOf('wait')) - 0.3) < 0.001)
  assert.deepEqual(
    [await colourOf('wait'), await colourOf('parse'), await colourOf('write')],
    ['red', 'blue', 'grey'],
  )
  await clickOn(page, 'parse')
  assert.match((await page.textContent('#status')) ?? '', /30\.00% of all.*a\.data: 60\.00%; −30\.00 points/)
  await page.selectOption('#event', { label: 'faults, widths of a.data' })
  assert.ok(Math.abs((await shareOf('parse')) - 0.6) < 0.001)
  assert.deepEqual([await colourOf('parse'), await colourOf('write')], ['blue', 'grey'])
  assert.deepEqual(errors, [])
})

test('twenty thousand nodes open within a second', { skip }, async (t) => {
  const wide = Array.from({ length: 2_000 }, (_, path) => ({
    stack: Array.from({ length: 10 }, (_, depth) => `f${depth}_${path}@app`),
    count: 1 + (path % 7),
  }))
  const aggregate = new ProfileAggregate(ROOMY)
  aggregate.add(windowOf({ samples: wide }))
  const html = encodeFlameGraph([aggregate.session(0) ?? assert.fail('no session')])
  const { page } = await openPage('wide.html', html)
  assert.ok(Number(await page.getAttribute('body', 'data-nodes')) >= 20_000)
  const drawnAfter = await page.evaluate(
    () => performance.getEntriesByName('sonde:drawn')[0]?.startTime ?? Number.NaN,
  )
  t.diagnostic(`drawn after ${Math.round(drawnAfter)} ms`)
  assert.ok(drawnAfter < 1_000, `drawn after ${drawnAfter} ms`)
})
