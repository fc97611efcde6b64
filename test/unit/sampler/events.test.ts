import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EVENTS, parseEvent } from '../../../src/sampler/events.ts'
import { chooseEvents, cpuPmus } from '../../../src/sampler/pmu.ts'

const NO_PMU: readonly string[] = []

test('every event has the numbers of perf_event.h', () => {
  const numbers = Object.fromEntries(EVENTS.map((event) => [event.name, [event.type, Number(event.config)]]))
  assert.deepEqual(numbers, {
    'cpu-clock': [1, 0],
    'task-clock': [1, 1],
    'page-faults': [1, 2],
    'context-switches': [1, 3],
    'cpu-migrations': [1, 4],
    'minor-faults': [1, 5],
    'major-faults': [1, 6],
    'alignment-faults': [1, 7],
    'emulation-faults': [1, 8],
    cycles: [0, 0],
    instructions: [0, 1],
    'cache-references': [0, 2],
    'cache-misses': [0, 3],
    'branch-instructions': [0, 4],
    'branch-misses': [0, 5],
  })
})

test('an alias is the event it stands for', () => {
  for (const [alias, name] of [
    ['faults', 'page-faults'],
    ['cs', 'context-switches'],
    ['migrations', 'cpu-migrations'],
    ['cpu-cycles', 'cycles'],
    ['branches', 'branch-instructions'],
  ] as const) {
    assert.equal(parseEvent(alias).name, name)
  }
})

test('clocks count nanoseconds, everything else counts itself', () => {
  assert.equal(parseEvent('cpu-clock').unit, 'nanoseconds')
  assert.equal(parseEvent('task-clock').unit, 'nanoseconds')
  assert.equal(parseEvent('cycles').unit, 'count')
  assert.equal(parseEvent('cs').unit, 'count')
})

test('modifiers choose user mode, the kernel or both', () => {
  const modes = (text: string) => {
    const { name, excludeUser, excludeKernel } = parseEvent(text)
    return [name, excludeUser, excludeKernel]
  }
  assert.deepEqual(modes('cpu-clock'), ['cpu-clock', false, false])
  assert.deepEqual(modes('cpu-clock:u'), ['cpu-clock:u', false, true])
  assert.deepEqual(modes('cpu-clock:k'), ['cpu-clock:k', true, false])
  assert.deepEqual(modes('cpu-clock:ku'), ['cpu-clock:uk', false, false])
})

test('a wrong name suggests what was meant, or says what there is', () => {
  assert.throws(() => parseEvent('cpu-clok'), /no event 'cpu-clok' \(did you mean cpu-clock\?\)/)
  assert.throws(() => parseEvent('quux'), /no event 'quux'\. Sonde knows cpu-clock, task-clock, .* auto\./)
  assert.throws(() => parseEvent('cycles:p'), /modifier 'p' of 'cycles:p'/)
  assert.throws(() => parseEvent('cycles:'), /write cycles:u/)
  assert.throws(() => parseEvent(''), /no event ''/)
})

test('auto takes cycles where there is a PMU, else cpu-clock, and says so', () => {
  const with_ = chooseEvents(['auto'], ['cpu'])
  assert.equal(with_.events[0]?.name, 'cycles')
  assert.match(with_.notices[0] ?? '', /cycles/)
  const without = chooseEvents(['auto:u'], NO_PMU)
  assert.equal(without.events[0]?.name, 'cpu-clock:u')
  assert.match(without.notices[0] ?? '', /cpu-clock, because this machine has no PMU/)
})

test('a hardware event on a machine without a PMU names what is missing', () => {
  assert.throws(() => chooseEvents(['cpu-clock', 'instructions'], NO_PMU), {
    code: 'EVENT.NO_PMU',
    message: /Cannot sample instructions: this machine has no hardware performance monitoring unit/,
  })
  assert.deepEqual(chooseEvents(['instructions'], ['cpu']).notices, [])
})

test('the same event twice is refused, by whatever names', () => {
  assert.throws(() => chooseEvents(['cs', 'context-switches'], NO_PMU), /context-switches is asked for twice/)
  assert.equal(chooseEvents(['cpu-clock', 'cpu-clock:u'], NO_PMU).events.length, 2)
})

test('CPU PMUs are told from the other event sources', () => {
  const devices = [
    'breakpoint',
    'cpu',
    'msr',
    'power',
    'software',
    'tracepoint',
    'uprobe',
    'armv8_pmuv3_0',
    'cpu_core',
  ]
  assert.deepEqual(
    cpuPmus(() => devices),
    ['cpu', 'armv8_pmuv3_0', 'cpu_core'],
  )
  assert.deepEqual(
    cpuPmus(() => {
      throw new Error('ENOENT')
    }),
    [],
  )
})
