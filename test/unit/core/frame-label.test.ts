import assert from 'node:assert/strict'
import { test } from 'node:test'
import { functionLabels } from '../../../src/core/frame-label.ts'
import { batchesOf } from '../../../src/core/window-view.ts'
import { labelsOf } from '../../../src/formats/profile/frame-text.ts'
import { ProfileAggregate } from '../../../src/formats/profile/profile-aggregate.ts'
import { ROOMY } from '../../support/aggregated.ts'
import { type RuntimeFrame, runtimeWindow } from '../../support/runtime-window.ts'

/** `function in module`, innermost first, as tables say it, and as folded stacks and flame graphs do. */
async function labelled(frame: RuntimeFrame) {
  const window = await runtimeWindow([[frame]])
  const [batch] = batchesOf(window.buffer, window.sessions, { names: window.names })
  const aggregate = new ProfileAggregate(ROOMY)
  aggregate.add(window)
  const { dictionary } = aggregate.session(0) ?? assert.fail()
  return {
    table: functionLabels(batch ?? assert.fail(), 0).map(({ name, module }) => `${name} in ${module}`),
    formats: labelsOf(dictionary, 0)
      .reverse()
      .map(({ text, module }) => `${text} in ${module}`),
  }
}

const CASES: readonly (readonly [what: string, frame: RuntimeFrame, labels: readonly string[]])[] = [
  ['a function of a runtime is in its script', { said: ['f /app/a.js'] }, ['f in a.js']],
  [
    'each of a frame’s functions is in its own script',
    { said: ['g /app/b.js', 'f /app/a.js'], anonymous: true },
    ['g in b.js', 'f in a.js'],
  ],
  [
    'a part of the runtime is in its image, the function that called it in its script',
    { said: ['', 'f /app/a.js'], symbols: ['Builtins_ArrayMap'] },
    ['Builtins_ArrayMap in node', 'f in a.js'],
  ],
  [
    'so it is where DWARF knows lines of that part',
    { said: ['', 'f /app/a.js'], symbols: ['Inlined /v8/inlined.h', 'Builtins_ArrayMap /v8/array.cc'] },
    ['Inlined in node', 'Builtins_ArrayMap in node', 'f in a.js'],
  ],
  ['a part of the runtime without a name is in its image', { said: [''] }, ['node+0x1 in node']],
  ['a function whose script is not known is in its image', { said: ['[moved]'] }, ['[moved] in node']],
  ['native code is in its image, whatever its lines', { symbols: ['main /src/main.cc'] }, ['main in node']],
  [
    'code made at run time is in its source, where a jitdump says it',
    { anonymous: true, symbols: ['f /app/a.py'] },
    ['f in a.py'],
  ],
  [
    'and otherwise in memory without a file',
    { anonymous: true, said: ['f /app/a.js'], symbols: ['JS:*f'], instead: true },
    ['JS:*f in //anon'],
  ],
]

for (const [what, frame, labels] of CASES) {
  test(what, async () => {
    assert.deepEqual(await labelled(frame), { table: labels, formats: labels })
  })
}
