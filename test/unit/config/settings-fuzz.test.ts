import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Form } from '../../../src/config/settings.ts'
import { AgentError } from '../../../src/core/errors.ts'
import { configOf, printed, settings } from '../../support/run-configs.ts'

const VALUES: readonly unknown[] = [
  ...[null, 0, -1, '', 'off', 'true', [], {}, [null], [[]], { a: 1 }, 1e99, true],
  { type: 'perf_data' },
  [{ type: 'perf_data' }, null, 3, { type: 4 }, { type: 'perf_data' }],
  [{ type: 'otlp_profiles', tls: null, spool: [] }],
]
const TEXTS = [
  ...['', '0', 'true', 'false', 'a,b', '{', '[x]', '{a: b}', '1MiB', '3s', 'k=v', 'http://u:p@h:1', '%'],
  ...['&a [*a]', '{a: *b}', '---\n...\n---', '? {a: b}', '!!binary x', '[1, [2], {c: 3}]', '\u0000'],
]

const LIKELY: Readonly<Record<Form, readonly string[]>> = {
  switch: ['true', 'false'],
  text: ['3s', '1MiB', '/x'],
  number: ['7'],
  list: ['plt', 'cpu'],
  map: ['k=v', '{a: b}'],
  yaml: ['[]', '{}', 'off'],
}

/** The same on every machine (Park and Miller). */
function chances(seed: number): <Item>(items: readonly Item[]) => Item {
  let state = seed
  return (items) => {
    state = (state * 48_271) % 2_147_483_647
    return items[state % items.length] as (typeof items)[number]
  }
}

/** `spec` with something at the setting's place, as far as there can be anything. */
function withValue(
  spec: Record<string, unknown>,
  keys: readonly string[],
  value: unknown,
): Record<string, unknown> {
  const [key = '', ...rest] = keys
  const inner = spec[key]
  const isSection = typeof inner === 'object' && inner !== null && !Array.isArray(inner)
  return { ...spec, [key]: rest.length === 0 ? value : withValue(isSection ? { ...inner } : {}, rest, value) }
}

test('whatever a file, options and variables say: a configuration, or an error in words', () => {
  const oneOf = chances(8)
  let taken = 0
  for (let round = 0; round < 800; round++) {
    const consumers = oneOf([
      [{ type: 'perf_data' }, { type: 'otlp_profiles', spool: 'off' }],
      [{ type: 'files' }],
      oneOf(VALUES),
    ])
    const { keys, consumer } = oneOf(settings)
    const isSaid = consumer === undefined && oneOf([true, false])
    const spec = isSaid ? withValue({ consumers }, keys, oneOf(VALUES)) : { consumers }
    const text = JSON.stringify({
      apiVersion: 'sonde/v1',
      kind: 'AgentConfig',
      spec: oneOf([spec, spec, spec, oneOf(VALUES)]),
    })
    const words = [[], [oneOf(settings)], [oneOf(settings), oneOf(settings)]]
    const options = oneOf(words).map(
      ({ option, form }) => `--${option}=${oneOf(oneOf([TEXTS, LIKELY[form]]))}`,
    )
    const { variable, form } = oneOf(settings)
    const environment = oneOf([{}, { [variable]: oneOf(oneOf([TEXTS, LIKELY[form]])) }])
    try {
      configOf(text, { options, environment })
      printed(text, { options, environment })
      taken++
    } catch (error) {
      assert.ok(error instanceof AgentError, `${text} ${options.join(' ')}: ${String(error)}`)
    }
  }
  assert.ok(taken > 40 && taken < 700, String(taken))
})
