// Firefox Profiler's own code reads what Sonde writes for it, and adds it up as Sonde does.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { checkFirefoxProfile, type FirefoxProfile, stackNames } from '../support/firefox-profile.ts'
import { temporaryDirectory } from '../support/sonde.ts'
import { sonde, start, tools, without } from './tools.ts'

const WORKLOAD =
  'i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done; ls /usr/bin >/dev/null; awk "BEGIN { while (i++ < 1e6); }"'

interface Functions {
  readonly weightType: string
  readonly functions: readonly { readonly name: string; readonly selfSamples: number }[]
}

test('Firefox Profiler sees the threads of a recording, and each function’s own time', {
  skip: without('profilerCli'),
}, async (t) => {
  const directory = temporaryDirectory(t)
  const file = join(directory, 'profile.json.gz')
  const recorded = await sonde(t, ['record', '-F', '997', '-o', file, '--', 'sh', '-c', WORKLOAD])
  assert.equal(recorded.status, 0, recorded.stderr)
  const document: FirefoxProfile = JSON.parse(gunzipSync(readFileSync(file)).toString())
  checkFirefoxProfile(document)

  const ask = async (...args: readonly string[]): Promise<string> => {
    const { status, stdout, stderr } = await start(t, [tools.profilerCli, ...args], {
      environment: { HOME: directory },
    }).ended
    assert.equal(status, 0, `${args.join(' ')}: ${stderr}`)
    return stdout
  }
  await ask('load', file)
  try {
    for (const [index, { name, samples }] of document.threads.entries()) {
      if (samples.length === 0) continue
      const text = await ask(
        'thread',
        'functions',
        '--json',
        '--limit',
        '0',
        '--include-idle',
        '--thread',
        `t-${index}`,
      )
      const { weightType, functions }: Functions = JSON.parse(text)
      assert.equal(weightType, 'tracing-ms')
      const theirs = new Map<string, number>()
      for (const { name: of, selfSamples } of functions) theirs.set(of, (theirs.get(of) ?? 0) + selfSamples)
      const ours = new Map<string, number>()
      for (const [sample, stack] of samples.stack.entries()) {
        const leaf = stackNames(document, stack).at(-1) ?? ''
        ours.set(leaf, (ours.get(leaf) ?? 0) + (samples.weight?.[sample] ?? 0))
      }
      for (const [leaf, weight] of ours) {
        const other = theirs.get(leaf) ?? 0
        assert.ok(Math.abs(other - weight) < 1e-6, `${name}, ${leaf}: ${other} instead of ${weight}`)
      }
    }
  } finally {
    await ask('stop')
  }
})
