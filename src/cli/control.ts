// --control, as perf record takes it: commands from a descriptor or a FIFO, each acknowledged when it is done.

import { closeSync, constants, openSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { AgentError, errnoOf, messageOf, UsageError } from '../core/errors.ts'
import type { Log } from './log.ts'
import type { Option, ParsedOptions } from './options.ts'

export const CONTROL_OPTION: Option = {
  long: 'control',
  value: 'WHERE',
  help: 'fd:N[,ACK] or fifo:PATH[,ACK]: takes enable, disable, snapshot, evlist, ping and stop, a line each, and answers with ack',
}

export interface ControlPlace {
  readonly kind: 'fd' | 'fifo'
  readonly commands: string
  readonly acks: string | undefined
}

/** @throws UsageError */
export function controlOf(options: ParsedOptions): ControlPlace | undefined {
  const text = options.value(CONTROL_OPTION.long)
  if (text === undefined) return undefined
  const [, kind, commands = '', acks] = /^(fd|fifo):([^,]+)(?:,([^,]+))?$/.exec(text) ?? []
  const areNumbers = [commands, acks ?? '0'].every((part) => /^\d{1,9}$/.test(part))
  if (kind === 'fifo' || (kind === 'fd' && areNumbers)) return { kind, commands, acks }
  throw new UsageError(`--control ${text}: expected fd:N, fd:N,ACK, fifo:PATH or fifo:PATH,ACK.`)
}

/** What the commands do. */
export interface Controlled {
  enable(): Promise<void>
  disable(): Promise<void>
  /** What was sampled until now is written. */
  snapshot(): Promise<void>
  stop(): void
  /** The events, a line each. `detail`: '', or one of perf's -v, -g and -F. */
  evlist(detail: string): void
}

/** As perf sends it: with the NUL of its string. */
const ACK = 'ack\n\0'
/** Nobody's command is so long. */
const MAX_COMMAND_BYTES = 4096

/** One command after another. What is no command is logged, and not acknowledged. */
export class Control {
  readonly #input: Socket
  readonly #ackFd: number | undefined
  readonly #owned: readonly number[]
  readonly #controlled: Controlled
  readonly #log: Log
  #rest = ''
  #turn: Promise<void> = Promise.resolve()

  /** @throws AgentError where there is no such descriptor or FIFO */
  constructor(place: ControlPlace, controlled: Controlled, log: Log) {
    this.#controlled = controlled
    this.#log = log
    const commands = opened(place.kind, place.commands)
    this.#ackFd = place.acks === undefined ? undefined : opened(place.kind, place.acks)
    this.#owned = place.kind === 'fd' || this.#ackFd === undefined ? [] : [this.#ackFd]
    this.#input = socketOn(commands, place)
    this.#input.setEncoding('utf8').on('data', (text: string) => this.#take(text))
    this.#input.on('error', (error) => this.#complain(messageOf(error)))
    this.#input.unref()
  }

  #take(text: string): void {
    const commands = (this.#rest + text).split(/[\n\0]/)
    this.#rest = commands.pop() ?? ''
    if (this.#rest.length > MAX_COMMAND_BYTES) this.#rest = ''
    for (const command of commands) {
      const words = command.trim()
      if (words !== '') this.#turn = this.#turn.then(() => this.#obey(words))
    }
  }

  async #obey(command: string): Promise<void> {
    try {
      if (await this.#carryOut(command)) this.#acknowledge()
      else this.#complain(`'${command}' is no command`)
    } catch (error) {
      this.#complain(`${command}: ${messageOf(error)}`)
    }
  }

  async #carryOut(command: string): Promise<boolean> {
    const [name, ...rest] = command.split(/\s+/)
    const detail = rest.join(' ')
    if (name === 'evlist' && ['', '-v', '-g', '-F'].includes(detail)) {
      this.#controlled.evlist(detail)
      return true
    }
    if (detail !== '') return false
    switch (name) {
      case 'enable':
        await this.#controlled.enable()
        return true
      case 'disable':
        await this.#controlled.disable()
        return true
      case 'snapshot':
        await this.#controlled.snapshot()
        return true
      case 'stop':
        this.#controlled.stop()
        return true
      case 'ping':
        return true
      default:
        return false
    }
  }

  #acknowledge(): void {
    if (this.#ackFd !== undefined) writeSync(this.#ackFd, ACK)
  }

  #complain(problem: string): void {
    this.#log.write('warn', `--control: ${problem}`)
  }

  close(): void {
    this.#input.destroy()
    for (const fd of this.#owned) closeSync(fd)
  }
}

function opened(kind: ControlPlace['kind'], where: string): number {
  if (kind === 'fd') return Number(where)
  try {
    // Also for writing: it has no end then while nobody else has it open.
    return openSync(where, constants.O_RDWR | constants.O_NONBLOCK)
  } catch (error) {
    throw cannotUse(`fifo:${where}`, error, 'Make it with mkfifo.')
  }
}

function socketOn(fd: number, { kind, commands }: ControlPlace): Socket {
  try {
    return new Socket({ fd, readable: true, writable: false })
  } catch (error) {
    throw cannotUse(`${kind}:${commands}`, error, 'It has to be a pipe or a socket that is open.')
  }
}

const cannotUse = (what: string, cause: unknown, remedy: string): AgentError =>
  new AgentError(
    'CLI.CONTROL',
    `Cannot take commands from ${what}: ${errnoOf(cause) ?? messageOf(cause)}. ${remedy}`,
    { cause },
  )
