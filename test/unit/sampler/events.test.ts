import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { EventDetails } from '../../../src/core/profile.ts'
import { CACHE_NAMES } from '../../../src/sampler/events/cache.ts'
import { checkEventName, chooseEvents } from '../../../src/sampler/events/choose.ts'
import { EVENTS } from '../../../src/sampler/events/names.ts'
import { parseEvents } from '../../../src/sampler/events/parse.ts'
import { cpuPmus } from '../../../src/sampler/events/pmu.ts'
import { type EventMachine, eventPlaces } from '../../support/event-places.ts'
import { parseEvent } from '../../support/parsed-event.ts'

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
    dummy: [1, 9],
    'bpf-output': [1, 10],
    'cgroup-switches': [1, 11],
    cycles: [0, 0],
    instructions: [0, 1],
    'cache-references': [0, 2],
    'cache-misses': [0, 3],
    'branch-instructions': [0, 4],
    'branch-misses': [0, 5],
    'bus-cycles': [0, 6],
    'stalled-cycles-frontend': [0, 7],
    'stalled-cycles-backend': [0, 8],
    'ref-cycles': [0, 9],
  })
})

test('an alias is the event it stands for', () => {
  for (const [alias, name] of [
    ['faults', 'page-faults'],
    ['cs', 'context-switches'],
    ['migrations', 'cpu-migrations'],
    ['cpu-cycles', 'cycles'],
    ['branches', 'branch-instructions'],
    ['idle-cycles-frontend', 'stalled-cycles-frontend'],
    ['l1d-misses', 'L1-dcache-load-misses'],
    ['LLC', 'LLC-loads'],
    ['L2-write-miss', 'LLC-store-misses'],
    ['d-tlb-speculative-load', 'dTLB-prefetches'],
    ['bpu-read-refs', 'branch-loads'],
  ] as const) {
    assert.equal(parseEvent(alias).name, name)
  }
})

test('a cache event is its cache, its operation and how that ends', () => {
  const numbers = (text: string) => [parseEvent(text).type, Number(parseEvent(text).config)]
  assert.deepEqual(numbers('L1-dcache-loads'), [3, 0])
  assert.deepEqual(numbers('L1-dcache-load-misses'), [3, 0x10000])
  assert.deepEqual(numbers('LLC-store-misses'), [3, 0x10102])
  assert.deepEqual(numbers('node-prefetches'), [3, 0x206])
  assert.equal(new Set(CACHE_NAMES).size, 32)
  for (const name of CACHE_NAMES) assert.equal(parseEvent(name).name, name)
  assert.throws(() => parseEvent('iTLB-stores'), /There is no event 'iTLB-stores'/)
})

test('raw events are numbers', () => {
  const { name, type, config } = parseEvent('r1A8:u')
  assert.deepEqual([name, type, config], ['r1a8:u', 4, 0x1a8n])
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

test('every modifier of perf is honoured, or refused with the reason', () => {
  const detailsOf = (text: string): EventDetails => parseEvent(text).details ?? {}
  assert.deepEqual(detailsOf('cycles:pp'), { preciseIp: 2, excludeGuest: true })
  assert.deepEqual(detailsOf('cycles:h'), { excludeHypervisor: false })
  assert.deepEqual(detailsOf('cycles:uk'), { excludeHypervisor: true })
  assert.deepEqual(detailsOf('cycles:G'), { excludeHost: true })
  assert.deepEqual(detailsOf('cycles:H'), { excludeGuest: true })
  assert.deepEqual(detailsOf('cycles:GH'), {})
  assert.deepEqual(detailsOf('cycles:De'), { pinned: true, exclusive: true })
  assert.deepEqual(detailsOf('cpu-clock:I'), {})
  assert.equal(parseEvent('cycles:upp').name, 'cycles:upp')
  const refused: readonly (readonly [string, RegExp])[] = [
    ['cycles:pppp', /three levels of precision/],
    ['page-faults:p', /no skid/],
    ['cpu-clock:G', /does not see inside of guests/],
    ['cpu-clock:e', /no counter/],
    ['cycles:S', /write \{a,b\}:S/],
    ['cycles:W', /cannot be opened is an error/],
    ['cycles:b', /perf stat/],
  ]
  for (const [text, why] of refused)
    assert.throws(() => parseEvent(text), { code: 'EVENT.REFUSED', message: why })
  assert.throws(() => parseEvent('cycles:x'), /modifier 'x' of 'cycles:x' is not known/)
})

test('P is as little skid as the machine can do', (t) => {
  const precise = (machine: EventMachine) =>
    parseEvents('cycles:P', eventPlaces(t, { machine }))[0]?.info.details?.preciseIp
  assert.equal(precise('intel'), 3)
  assert.equal(precise('amd'), undefined)
})

test('breakpoints watch an address', () => {
  const watched = (text: string) => {
    const { name, type, details } = parseEvent(text)
    return [name, type, details]
  }
  assert.deepEqual(watched('mem:0x1000/2:w'), [
    'mem:0x1000/2:w',
    5,
    { config1: 0x1000n, config2: 2n, breakpointType: 2 },
  ])
  assert.deepEqual(watched('mem:4096'), [
    'mem:0x1000/4:rw',
    5,
    { config1: 0x1000n, config2: 4n, breakpointType: 3 },
  ])
  assert.deepEqual(watched('mem:0x1000:u')[0], 'mem:0x1000/4:rw:u')
  assert.equal(parseEvent('mem:0x1000:x').details?.breakpointType, 4)
  assert.throws(() => parseEvent('mem:main:x'), /address as a number/)
  assert.throws(() => parseEvent('mem:0x1000:rwx'), /one or the other/)
  assert.throws(() => parseEvent('mem:0x1000/3:r'), /1, 2, 4 or 8 bytes/)
})

test('a wrong name suggests what was meant, or says what there is', () => {
  assert.throws(() => parseEvent('cpu-clok'), /no event 'cpu-clok' \(did you mean cpu-clock\?\)/)
  assert.throws(() => parseEvent('quux'), /no event 'quux'\. Sonde knows those of 'sonde list', auto/)
  assert.throws(() => parseEvent('LLC-load-mises'), /did you mean LLC-load-misses/)
  assert.throws(() => parseEvent('cycles:'), /write cycles:u/)
  assert.throws(() => parseEvent(''), /no event ''/)
  assert.throws(() => parseEvent('duration_time'), /perf stat measures/)
})

test('auto takes cycles where there is a PMU, else cpu-clock, and says so', (t) => {
  const with_ = chooseEvents(['auto'], eventPlaces(t, { machine: 'intel' }))
  assert.equal(with_.events[0]?.info.name, 'cycles')
  assert.match(with_.notices[0] ?? '', /cycles/)
  const without = chooseEvents(['auto:u'], eventPlaces(t, {}))
  assert.equal(without.events[0]?.info.name, 'cpu-clock:u')
  assert.match(without.notices[0] ?? '', /cpu-clock, because this machine has no PMU/)
})

test('a hardware event on a machine without a PMU names what is missing', (t) => {
  const none = eventPlaces(t, {})
  for (const event of ['instructions', 'LLC-loads', 'r1a8']) {
    assert.throws(() => chooseEvents(['cpu-clock', event], none), {
      code: 'EVENT.NO_PMU',
      message: new RegExp(`Cannot sample ${event}: this machine has no hardware performance monitoring unit`),
    })
  }
  assert.deepEqual(chooseEvents(['instructions'], eventPlaces(t, { machine: 'amd' })).notices, [])
})

test('the same event twice is refused, by whatever names', (t) => {
  const none = eventPlaces(t, {})
  assert.throws(() => chooseEvents(['cs', 'context-switches'], none), /context-switches is asked for twice/)
  assert.equal(chooseEvents(['cpu-clock,cpu-clock:u'], none).events.length, 2)
})

test('commas between slashes and braces belong to the event', (t) => {
  const places = eventPlaces(t, { machine: 'intel' })
  const names = (text: string) => chooseEvents([text], places).events.map(({ info }) => info.name)
  assert.deepEqual(names('cpu/event=1,umask=2/u,cycles, mem:0x1000/4:w,cs'), [
    'cpu/event=1,umask=2/u',
    'cycles',
    'mem:0x1000/4:w',
    'context-switches',
  ])
  assert.throws(() => names('cpu/event=1,cycles'), /second slash is missing/)
  assert.throws(() => names('{cs,faults'), /a brace is missing/)
})

test('CPU PMUs are told from the other event sources', (t) => {
  assert.deepEqual(cpuPmus(eventPlaces(t, { machine: 'intel' })), ['cpu'])
  assert.deepEqual(cpuPmus(eventPlaces(t, { machine: 'arm' })), ['armv8_pmuv3_0'])
  assert.deepEqual(cpuPmus(eventPlaces(t, { machine: 'power' })), [])
  assert.deepEqual(cpuPmus({ devices: '/nowhere' }), [])
})

const only = (t: TestContext, machine: EventMachine, text: string) => {
  const [event, ...others] = parseEvents(text, eventPlaces(t, { machine }))
  assert.ok(event !== undefined && others.length === 0, text)
  return event
}
const wordsOf = (t: TestContext, machine: EventMachine, text: string) => {
  const { type, config, details } = only(t, machine, text).info
  return [type, config, details]
}

test('terms of a PMU go to the bits that its format says', (t) => {
  const cases: readonly (readonly [EventMachine, string, number, bigint, EventDetails | undefined])[] = [
    ['intel', 'cpu/event=0x3c/', 4, 0x3cn, undefined],
    ['intel', 'cpu/event=0xcd,umask=0x1,ldlat=30/', 4, 0x1cdn, { config1: 30n }],
    ['intel', 'cpu/cache-misses/', 4, 0x412en, undefined],
    ['intel', 'cpu/mem-loads,ldlat=5/', 4, 0x1cdn, { config1: 5n }],
    ['intel', 'mem-loads', 4, 0x1cdn, { config1: 3n }],
    ['intel', 'cpu/event=1,edge,inv=1,cmask=2/', 4, 0x02840001n, undefined],
    ['intel', 'cpu/r1a8/', 4, 0x1a8n, undefined],
    ['intel', 'cpu/config=0x1234,config1=7,config2=9/', 4, 0x1234n, { config1: 7n, config2: 9n }],
    ['amd', 'cpu/event=0x1c2,umask=1/', 4, 0x1000001c2n, undefined],
    ['amd', 'ibs_op/cnt_ctl/', 10, 0x80000n, undefined],
    ['arm', 'armv8_pmuv3_0/cpu_cycles,long/', 8, 0x11n, { config1: 1n }],
    ['arm', 'armv8_pmuv3_0/event=0x1b,threshold=2/', 8, 0x1bn, { config1: 0x40n }],
    ['arm', 'arm_spe_0/min_latency=7/', 9, 0n, { config2: 7n }],
    [
      'power',
      'hv_gpci/dispatch_timebase_by_processor_processor_time_in_timebase_cycles,phys_processor_idx=3/',
      12,
      0x300000010n,
      { config1: 0x8080000n },
    ],
    ['intel', 'software/config=1/', 1, 1n, undefined],
  ]
  for (const [machine, text, ...words] of cases) assert.deepEqual(wordsOf(t, machine, text), words, text)
})

test('a PMU event has perf’s name and modifiers, its own rate, and the CPUs of its PMU', (t) => {
  const event = only(t, 'arm', 'armv8_pmuv3_0/cpu_cycles,freq=500/u')
  assert.equal(event.info.name, 'armv8_pmuv3_0/cpu_cycles,freq=500/u')
  assert.equal(event.info.excludeKernel, true)
  assert.deepEqual(event.rate, { by: 'frequency', hertz: 500 })
  assert.deepEqual(event.onlyCpus, [0, 1, 2, 4])
  const named = only(t, 'intel', 'cycles/period=1000,name=mine/')
  assert.equal(named.info.name, 'mine')
  assert.deepEqual(named.rate, { by: 'period', period: 1000n })
})

test('what a PMU lacks is said with what it has', (t) => {
  const refused: readonly (readonly [EventMachine, string, RegExp])[] = [
    ['intel', 'cpu/evnt=1/', /The PMU cpu has no term or event 'evnt' \(did you mean event/],
    ['intel', 'cpu/quux=1/', /it has any, cmask, edge, event/],
    ['intel', 'cpu/event=0x100/', /'event' of 'cpu\/event=0x100\/' is too large: the most is 255 \(8 bits\)/],
    ['intel', 'cpu/event=x/', /expected a number/],
    ['intel', 'cpu/event=1,call-graph=dwarf/', /--call-graph is for all events/],
    ['intel', 'cpuu/event=1/', /no PMU 'cpuu' \(did you mean cpu\?\) \(.*devices\/cpuu is missing/],
    ['intel', 'power/energy-pkg/', /counts for a whole package or machine \(.*power\/cpumask\)/],
    ['arm', 'arm_spe_0/inv_event_filter=1/', /stands in config3/],
    [
      'power',
      'hv_gpci/dispatch_timebase_by_processor_processor_time_in_timebase_cycles/',
      /lacks the parameter phys_processor_idx/,
    ],
    ['intel', 'cpu/event=1/x', /modifier 'x'/],
    ['intel', 'cycles/umask=1/', /only period, freq and name/],
    ['intel', 'cycles/freq=0/', /above 0/],
  ]
  for (const [machine, text, why] of refused) {
    assert.throws(() => parseEvents(text, eventPlaces(t, { machine })), why, text)
  }
})

const FORMAT = `name: sched_switch
ID: 314
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;

	field:char prev_comm[16];	offset:8;	size:16;	signed:0;
	field:pid_t prev_pid;	offset:24;	size:4;	signed:1;
	field:__data_loc char[] path;	offset:28;	size:4;	signed:1;

print fmt: ""
`
const TRACING = {
  'events/enable': '0',
  'events/sched/enable': '0',
  'events/sched/sched_switch/id': '314\n',
  'events/sched/sched_switch/format': FORMAT,
  'events/sched/sched_waking/id': '315\n',
  'events/syscalls/sys_enter_read/id': '700\n',
}

test('tracepoints are found in tracefs, by names and globs', (t) => {
  const places = eventPlaces(t, { tracing: TRACING })
  const found = (text: string) =>
    parseEvents(text, places).map(({ info }) => [info.name, info.type, info.config])
  assert.deepEqual(found('sched:sched_switch'), [['sched:sched_switch', 2, 314n]])
  assert.deepEqual(found('sched:*:k'), [
    ['sched:sched_switch:k', 2, 314n],
    ['sched:sched_waking:k', 2, 315n],
  ])
  assert.deepEqual(found('s*:*_read'), [['syscalls:sys_enter_read', 2, 700n]])
  assert.throws(
    () => found('sched:sched_swich'),
    /no tracepoint sched:sched_swich \(did you mean sched_switch\?\)/,
  )
  assert.throws(() => found('kvm:kvm_exit'), /its module may not be loaded/)
  assert.throws(() => parseEvents('sched:sched_switch', eventPlaces(t, {})), {
    code: 'EVENT.NOT_HERE',
    message: /Cannot find the tracepoint sched:sched_switch: tracefs is not mounted at .*: mount -t tracefs/,
  })
})

test('a filter goes with the tracepoints of its -e, and its fields are checked', (t) => {
  const places = eventPlaces(t, { tracing: TRACING })
  const choose = (text: string, filter: string) => chooseEvents([{ text, filter }], places).events
  assert.equal(
    choose('sched:sched_switch', 'prev_pid != 0 && COMM == "a b=c"')[0]?.filter,
    'prev_pid != 0 && COMM == "a b=c"',
  )
  assert.equal(choose('sched:sched_switch', 'path ~ "/tmp/*"').length, 1)
  assert.throws(() => choose('sched:sched_switch', 'pid == 1'), {
    code: 'EVENT.FILTER',
    message: /has no field 'pid'; it has prev_comm, prev_pid, path\./,
  })
  assert.throws(() => choose('cpu-clock', 'x == 1'), /cpu-clock is no tracepoint/)
})

test('a configuration’s event is checked as far as one machine can say of another', () => {
  assert.equal(checkEventName('auto'), undefined)
  assert.equal(checkEventName('cpu/event=1/'), undefined)
  assert.equal(checkEventName('sched:sched_switch')?.type, 2)
  assert.equal(checkEventName('cpu-clock/freq=20/')?.name, 'cpu-clock')
  assert.throws(() => checkEventName('cs,faults'), /stands for several events: one is expected here/)
  assert.throws(() => checkEventName('{cs,faults}'), /stands for several events/)
  assert.throws(() => checkEventName('sched:*'), /stands for several events/)
  assert.throws(() => checkEventName('cpu/=/'), /is no term/)
})

test('events of a group share a leader, and what stands behind the braces', (t) => {
  const places = eventPlaces(t, { machine: 'intel' })
  const grouped = (text: string) =>
    chooseEvents([text], places).events.map(({ info, group }) => [
      info.name,
      group?.leader,
      group?.size,
      group?.isSampledByLeader,
    ])
  assert.deepEqual(grouped('cs,{cycles,instructions:k}:u,faults'), [
    ['context-switches', undefined, undefined, undefined],
    ['cycles:u', 1, 2, false],
    ['instructions:uk', 1, 2, false],
    ['page-faults', undefined, undefined, undefined],
  ])
  assert.deepEqual(grouped('{cycles,cpu/event=1,umask=2/}:SuD'), [
    ['cycles:uD', 0, 2, true],
    ['cpu/event=1,umask=2/u', 0, 2, true],
  ])
  assert.deepEqual(grouped('{cycles}:S'), [['cycles', undefined, undefined, undefined]])
  assert.throws(() => grouped('{cycles,instructions:D}'), /D and e are for the first event of a group/)
  assert.throws(() => grouped('{cs,{faults}}'), /a group within a group/)
})
