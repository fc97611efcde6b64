import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { checkFirefoxProfile, type FirefoxProfile } from '../support/firefox-profile.ts'
import { readSummary, sonde, temporaryDirectory } from '../support/sonde.ts'

const WORKLOAD = 'i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done; ls /usr/bin >/dev/null; (exec sleep 0.01)'

test('a recording becomes a profile for Firefox Profiler with all of its samples, and what its threads did', (t) => {
  const cwd = temporaryDirectory(t)
  const files = ['-o', 'perf.data', '-o', 'live.json.gz', '--summary', 'r.json']
  const recorded = sonde(['record', '-F', '997', ...files, '--', 'sh', '-c', WORKLOAD], { cwd })
  if (recorded.status !== 0) return t.skip(`sonde record does not work here: ${recorded.stderr.trim()}`)
  const converted = sonde(['convert', 'perf.data', '-o', 'later.firefox.json.gz'], { cwd })
  assert.equal(converted.status, 0, converted.stderr)
  const { samples, sessions } = readSummary(join(cwd, 'r.json'))
  for (const name of ['live.json.gz', 'later.firefox.json.gz']) {
    const document: FirefoxProfile = JSON.parse(gunzipSync(readFileSync(join(cwd, name))).toString())
    checkFirefoxProfile(document)
    const tracks = document.threads.filter(({ name: track }) => track !== 'Sampling')
    assert.equal(
      tracks.reduce((sum, track) => sum + track.samples.length, 0),
      samples.taken,
    )
    const weight = tracks.flatMap((track) => track.samples.weight ?? []).reduce((sum, each) => sum + each, 0)
    const expected = (sessions[0]?.value ?? 0) / 1e6
    assert.ok(Math.abs(weight - expected) < 1e-3, `${weight} instead of ${expected}`)
    const shell = tracks.find(({ processName }) => processName === 'sh')
    assert.equal(shell?.name, 'sh')
    const done = new Set(shell?.markers.data.map(({ type }) => type))
    assert.ok(done.has('exec') && done.has('fork') && done.has('exit'), [...done].join())
    assert.ok((shell?.unregisterTime ?? 0) > (shell?.registerTime ?? 0))
  }
})
