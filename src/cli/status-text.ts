// The status of an agent for a person.

import { CONSUMER_LOSSES } from '../core/consumer.ts'
import { type Amount, DROP_REASONS, type DropReason } from '../core/delivery.ts'
import type {
  ConsumerStatus,
  DeliveryStatus,
  FilesStatus,
  RuleStatus,
  SessionStatus,
  Status,
} from '../core/status.ts'
import type { Counts } from '../core/summary.ts'
import { leftOutText, lossText } from './closing.ts'
import { bytes, counted, duration, integer, printable, type Style } from './terminal.ts'

export interface StatusTextOptions {
  readonly now: Date
  readonly style: Style
}

export function statusText(status: Status, options: StatusTextOptions): string {
  const consumers = Object.entries(status.consumers).map(([name, consumer]) =>
    consumerText(name, consumer, options),
  )
  return `${[...headLines(status, options), '', ...sessionTable(status.sessions, options), ...endedLine(status), '', ...consumers].join('\n')}\n`
}

function headLines(status: Status, { now, style }: StatusTextOptions): readonly string[] {
  const { agentVersion, pid, state, startedAt, dataDirectory, windows } = status
  const name = `Sonde ${agentVersion} (pid ${pid})`
  const doing = state === 'running' ? 'runs' : `is ${style.yellow('stopping')}. It has run`
  const newest = windows.newestEnd === null ? '' : `, the newest ended ${ago(windows.newestEnd, now)} ago`
  return [
    `${style.bold(printable(name))} ${doing} since ${since(startedAt, now)}, into ${printable(dataDirectory)}`,
    `${counted(windows.closed, 'window')} closed${newest}`,
    ...samplerLine(status),
    ...configurationLines(status),
    ...filterLine(status),
    ...flightRecorderLine(status),
  ]
}

/** An agent that is older than filters says nothing of one. */
const filterLine = ({ filter = [] }: Partial<Status>): readonly string[] =>
  filter.length === 0 ? [] : [`Sampled is: ${printable(filter.map(ruleText).join(', '))}`]

function flightRecorderLine({ flightRecorder = null }: Partial<Status>): readonly string[] {
  if (flightRecorder === null) return []
  const { keepSeconds, samples, bytes: held, lost } = flightRecorder
  const short = lost.memory_full === undefined ? '' : `, ${integer(lost.memory_full)} did not fit`
  return [
    `The last ${keepSeconds} s wait for SIGUSR2: ${counted(samples, 'sample')} (${bytes(held)})${short}`,
  ]
}

/** Nor one that is older than back-ends. */
function samplerLine({ sampler }: Partial<Status>): readonly string[] {
  if (sampler === undefined) return []
  if (sampler === null) return ['Nothing is sampled']
  const runs = sampler.cpus.reduce((sum, cpu) => sum + cpu.runs, 0)
  const timeNs = sampler.cpus.reduce((sum, cpu) => sum + cpu.runs * (cpu.runNs ?? 0), 0)
  const cost = runs === 0 ? '' : `, ${(timeNs / runs / 1_000).toFixed(1)} µs a run`
  const { filterProblem } = sampler
  return [
    `Samples are taken by ${sampler.backEnd}${cost}`,
    ...(filterProblem === null ? [] : [printable(`The filter could not be changed: ${filterProblem}`)]),
  ]
}

/** What is in order is in the table of sessions. */
function configurationLines({ configuration = null }: Partial<Status>): readonly string[] {
  if (configuration === null) return []
  const { directory, watching, files, collections, agent } = configuration
  const why = watching.reason === null ? '' : `: ${watching.reason}`
  const seen = watching.how === 'inotify' ? '' : ` (changes are noticed by ${watching.how} reads${why})`
  const trouble = [
    ...files.flatMap(({ problems, warnings }) => [
      ...problems,
      ...warnings.map((text) => `warning: ${text}`),
    ]),
    ...collections.flatMap(({ name, problem, kept }) =>
      problem === null ? [] : [`${name}: ${problem}${keptText(kept)}`],
    ),
    ...(agent.problem === null ? [] : [`AgentConfig: ${agent.problem}`]),
    ...(agent.needsRestart.length === 0
      ? []
      : [`AgentConfig: needs a restart: ${agent.needsRestart.join(', ')}`]),
  ]
  const head = `${counted(collections.length, 'configuration')} in ${directory}${seen}`
  return [head, ...trouble.map((line) => `  ${line.replaceAll('\n', ' ')}`)].map((line) => printable(line))
}

/** A version that was never stated has no name. */
function keptText(kept: string | null): string {
  if (kept === null) return ''
  return kept === '' ? ' (the one before runs on)' : ` (version ${kept} runs on)`
}

const ruleText = ({ action, match, oneIn }: RuleStatus): string =>
  oneIn === undefined ? `${action} ${match}` : `one in ${integer(oneIn)} of ${match}`

/** `2026-11-22 07:03:11 (2 min 4 s)`, in the time zone of whoever reads. */
function since(time: string, now: Date): string {
  const date = new Date(time)
  const two = (value: number): string => String(value).padStart(2, '0')
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day} ${date.toTimeString().slice(0, 8)} (${ago(time, now)})`
}

/** Never negative: clocks step. */
const ago = (time: string, now: Date): string => {
  const seconds = Math.max(0, Math.round((now.getTime() - Date.parse(time)) / 1_000))
  return seconds < 60 ? `${seconds} s` : duration(seconds)
}

/** `12 (12 filtered)` */
const leftOutCell = (leftOut: Counts): string =>
  leftOutText(leftOut).replace(/^, (\S+) left out/, '$1') || '0'

function sessionTable(sessions: readonly SessionStatus[], { style }: StatusTextOptions): readonly string[] {
  const leavesOut = sessions.some(
    ({ leftOut = {} }: Partial<SessionStatus>) => Object.keys(leftOut).length > 0,
  )
  const tellsConfigs = sessions.some(({ config }) => config !== null)
  const rows = [
    [
      ...(tellsConfigs ? ['configuration'] : []),
      'event',
      'rate',
      'CPUs',
      'taken',
      ...(leavesOut ? ['left out'] : []),
      'lost',
    ],
    ...sessions.map((session) => [
      ...(tellsConfigs ? [configText(session)] : []),
      printable(session.event),
      session.frequency === undefined
        ? `every ${session.period === undefined ? '?' : integer(Number(session.period))}`
        : `${integer(session.frequency)} Hz`,
      integer(session.cpus.length),
      integer(session.taken),
      ...(leavesOut ? [leftOutCell(session.leftOut)] : []),
      lossText(session.lost).replace(' lost', ''),
    ]),
  ]
  const [head = '', ...lines] = aligned(rows)
  return [style.bold('Sessions'), style.dim(head), ...lines]
}

/** `web version 3` */
function configText({ config }: SessionStatus): string {
  if (config === null) return ''
  return printable(config.version === '' ? config.name : `${config.name} version ${config.version}`)
}

/** An agent that is older than sessions that end says nothing of them. */
function endedLine({ endedSessions: ended }: Partial<Status>): readonly string[] {
  if (ended === undefined || ended.sessions === 0) return []
  const figures = `${counted(ended.taken, 'sample')} taken, ${lossText(ended.lost)}${leftOutText(ended.leftOut)}`
  return [`  and ${counted(ended.sessions, 'session')} that ended: ${figures}`]
}

/** The first and the last column to the left, those between to the right. */
function aligned(rows: readonly (readonly string[])[]): readonly string[] {
  const columns = rows[0]?.length ?? 0
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  return rows.map((row) => {
    const cells = row.map((cell, column) => {
      const width = widths[column] ?? 0
      if (column === columns - 1) return cell
      return column === 0 ? cell.padEnd(width) : cell.padStart(width)
    })
    return `  ${cells.join('  ')}`
  })
}

const LABEL_WIDTH = 11

function consumerText(name: string, consumer: ConsumerStatus, options: StatusTextOptions): string {
  const { style } = options
  const line = ([label, text]: readonly [string, string]): string =>
    `  ${style.dim(label.padEnd(LABEL_WIDTH))}${printable(text)}`
  const { files, delivery } = consumer
  const lines = [
    ...laneLines(consumer),
    ...(files === undefined ? [] : [filesLine(files)]),
    ...(delivery === undefined ? [] : deliveryLines(delivery)),
    ...lostLines(consumer),
  ].map(line)
  const trouble = troubleText(consumer, options)
  const state = trouble === undefined ? [] : [`  ${style.red('trouble'.padEnd(LABEL_WIDTH))}${trouble}`]
  return [style.bold(printable(name)), ...state, ...lines].join('\n')
}

type Line = readonly [label: string, text: string]

function laneLines({ lane, lastError, trouble }: ConsumerStatus): readonly Line[] {
  const parts = [
    `${counted(lane.delivered, 'sample')} taken over`,
    lane.queued > 0 ? `${integer(lane.queued)} waiting (${bytes(lane.queuedBytes)})` : '',
    lane.failed > 0 ? `${integer(lane.failed)} failed` : '',
    lane.dropped > 0 ? `${integer(lane.dropped)} dropped` : '',
  ]
  const earlier: readonly Line[] =
    lastError !== null && trouble === null ? [['last error', `${lastError} (it is over)`]] : []
  return [['lane', parts.filter((part) => part !== '').join(', ')], ...earlier]
}

function filesLine({ finished, bytes: size, samples, open }: FilesStatus): Line {
  const written =
    samples === 0
      ? ''
      : `${counted(finished, 'finished file')}, ${bytes(size)} with ${counted(samples, 'sample')}`
  const soFar = open === null || open.bytes === 0 ? '' : ` (${bytes(open.bytes)})`
  const underWay =
    open === null ? '' : `${counted(open.samples, 'sample')} not in a finished file yet${soFar}`
  return ['files', [written, underWay].filter((part) => part !== '').join('; ') || 'none yet']
}

function deliveryLines(delivery: DeliveryStatus): readonly Line[] {
  const { delivered, queued, spooled, replayed, possiblyDuplicated, retries, rejectedProfiles } = delivery
  const lines: readonly (readonly [string, string, boolean])[] = [
    ['to', delivery.target, true],
    ['delivered', amountText(delivered), true],
    ['replayed', `${amountText(replayed)}, of earlier runs`, replayed.payloads > 0],
    ['queued', `${amountText(queued)}${onDisk(spooled)}`, queued.payloads > 0],
    ['retries', integer(retries), retries > 0],
    ['twice?', `${amountText(possiblyDuplicated)} may have arrived twice`, possiblyDuplicated.payloads > 0],
    ['rejected', `${counted(rejectedProfiles, 'profile')} by the endpoint`, rejectedProfiles > 0],
  ]
  return [
    ...lines.flatMap(([label, text, shown]): Line[] => (shown ? [[label, text]] : [])),
    ...droppedLines(delivery.dropped, ''),
    ...droppedLines(delivery.droppedReplays, ', of earlier runs'),
  ]
}

const onDisk = (spooled: Amount): string =>
  spooled.payloads === 0 ? '' : `; ${counted(spooled.payloads, 'payload')} of it on disk`

const droppedLines = (dropped: DeliveryStatus['dropped'], ofWhat: string): readonly Line[] =>
  Object.entries(dropped).map(([reason, amount]) => [
    'dropped',
    // A newer agent may have a reason that this Sonde does not know.
    `${amountText(amount)}${ofWhat}: ${DROP_REASONS[reason as DropReason] ?? reason}`,
  ])

/** `12 payloads (3,450 samples, 34.1 kB)` */
const amountText = ({ payloads, samples, bytes: size }: Amount): string =>
  `${counted(payloads, 'payload')} (${counted(samples, 'sample')}, ${bytes(size)})`

/** Of a consumer that sends, dropped payloads are told with their reason already. */
const lostLines = ({ lost, delivery }: ConsumerStatus): readonly Line[] =>
  Object.entries(lost).flatMap(([reason, samples]): Line[] =>
    samples === 0 || (delivery !== undefined && reason in DROP_REASONS)
      ? []
      : [['lost', `${counted(samples, 'sample')} ${CONSUMER_LOSSES[reason as keyof typeof lost] ?? reason}`]],
  )

function troubleText({ trouble }: ConsumerStatus, { now }: StatusTextOptions): string | undefined {
  return trouble === null ? undefined : `${printable(trouble.error)}, since ${since(trouble.since, now)}`
}
