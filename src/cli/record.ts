import { startAgent } from '../agent.ts'
import type { RunEnd } from '../core/summary.ts'
import { closingLine, say, sayRemarks, writeSummary } from './closing.ts'
import type { Command } from './command.ts'
import { Interrupt } from './interrupt.ts'
import { type Log, openLog } from './log.ts'
import { checkPlaces } from './outputs.ts'
import { processStart } from './process-start.ts'
import { showProgress } from './progress.ts'
import { exitCode, whatEnds } from './record-ending.ts'
import type { RecordParts } from './record-parts.ts'
import { agentOptions, RECORD_OPTIONS, type RecordRequest, requestOf } from './record-request.ts'
import { steer } from './record-steering.ts'
import { RecordedCommand } from './recorded-command.ts'
import { RotationSignal } from './rotation-signal.ts'
import { usableSenders } from './senders.ts'
import { stackText } from './stack-text.ts'
import { summaryOf } from './summary.ts'
import { Tally } from './tally.ts'

export const record: Command = {
  name: 'record',
  summary: 'Record a command, processes or the whole machine, as perf record does',
  usage: [
    'record [-F HZ | -c PERIOD] [-e EVENT]… [--duration D] [-o FILE]… -- CMD [ARGUMENT]…',
    'record [OPTIONS] -p PID | -t TID | -a [-- CMD…]',
    'record [--include MATCH]… [--exclude MATCH]… [--thin MATCH:N]… [--cgroup PATH]… [--uid USER]… [--filter-comm NAME]… [OPTIONS]',
  ],
  description: [
    'Without a target the whole machine is recorded. CMD alone is recorded with its children, from its first\n' +
      'instruction, and its exit status is returned. Beside -a, -p or -t, CMD says how long. Ctrl-C ends the recording.\n' +
      'An existing perf.data becomes perf.data.old, also when nothing was sampled.',
    'SIGUSR2 finishes the file, whose name gets the time behind it, and the recording goes on in another. With --overwrite the\n' +
      'last seconds before it are written, and nothing else.',
    '--include, --exclude and --thin choose among the samples of the target. What they leave out is counted, and is not lost.\n' +
      'Of several that include, --cgroup, --uid and --filter-comm among them, any will do. Sonde itself is part of the machine, as\n' +
      'perf is: --exclude tree=$$ leaves out whatever this shell has started.',
    'The whole machine needs CAP_PERFMON or kernel.perf_event_paranoid ≤ 0; one’s own processes can always be\n' +
      'sampled in user mode where perf_event_paranoid is 2.',
  ],
  options: RECORD_OPTIONS,
  examples: [
    ['sonde record -F 999 -- ./program', 'into perf.data'],
    ['sonde record -p 1234 --duration 10s -o out.html', 'a flame graph of a process'],
    ['sonde record -e page-faults -c 1 -- ./program', 'where memory is touched first'],
    ['sonde record --cgroup /system.slice/nginx.service --duration 10s', 'a cgroup and those below it'],
    ['sonde record -a -o perf.data -o all.pb.gz -- sleep 5', 'two formats of one recording'],
  ],
  async run(argv) {
    const asked = requestOf(argv)
    checkPlaces(asked.outputs, asked.summary)
    const log = openLog(asked.logLevel)
    try {
      // Before the command runs: what is wrong with the wish must not cost it its life.
      const senders = await usableSenders(asked.senders, { log: log.write })
      return await recordWith({ ...asked, senders }, log)
    } finally {
      await log.flush()
    }
  },
}

async function recordWith(request: RecordRequest, log: Log): Promise<number> {
  const interrupt = new Interrupt()
  const cmd = request.command.length > 0 ? new RecordedCommand(request.command) : undefined
  const rotation = new RotationSignal()
  const parts: RecordParts = { tally: new Tally(), log, cmd, interrupt, rotation }
  try {
    return await recordUntilEnd(request, parts)
  } finally {
    cmd?.terminate()
    interrupt.close()
    rotation.close()
  }
}

async function recordUntilEnd(request: RecordRequest, parts: RecordParts): Promise<number> {
  const { tally, cmd, log, rotation } = parts
  let samplingSince = performance.now()
  const agent = await startAgent({
    ...agentOptions(request, parts),
    onSampling() {
      samplingSince = performance.now()
      cmd?.start()
    },
  })
  const isQuiet = request.options.has('quiet')
  if (!isQuiet) for (const notice of agent.notices) say('record', notice)
  const endsAt = request.duration === undefined ? undefined : samplingSince + request.duration
  const hideProgress = isQuiet
    ? () => undefined
    : showProgress({ name: 'record', figures: () => agent.progress(), endsAt })
  rotation.follow(agent, log, request.switching.interval)
  const steering = steer(agent, request, parts)
  const ending = await whatEnds(agent, parts, {
    endsAt,
    maxBytes: request.maxBytes,
    stopped: steering.stopped,
  })
  hideProgress()
  steering.close()
  cmd?.terminate()
  const end = await agent.stop()
  tell(request, tally, end)
  if (ending.by === 'failure') throw ending.error
  if (ending.by === 'size' && !isQuiet)
    say('record', `ended by --max-size ${request.options.value('max-size')}`)
  return exitCode(ending, end)
}

function tell(request: RecordRequest, tally: Tally, end: RunEnd): void {
  for (const problem of end.problems) say('record', problem)
  if (!request.options.has('quiet')) {
    sayRemarks('record', end.remarks)
    const stacks = stackText(tally.stacks())
    if (stacks !== undefined) say('record', `stacks: ${stacks}`)
    say('record', closingLine(tally, end))
  }
  writeSummary(request.summary, () =>
    summaryOf({ tally, consumers: end.consumers, processStart: processStart(), now: new Date() }),
  )
}
