// What happens, on standard error: JSON lines for machines, short lines for people.

import { type ConsumerContext, LOG_LEVELS, type LogLevel } from '../core/consumer-context.ts'
import { messageOf } from '../core/errors.ts'
import { printable, type Style, styleFor } from './terminal.ts'

export interface Log {
  readonly write: ConsumerContext['log']
  /** Resolves when everything is written. */
  flush(): Promise<void>
}

export const openLog = (least: LogLevel): Log =>
  process.stderr.isTTY ? prettyLog(least, styleFor(process.stderr)) : jsonLog(least)

const isBelow = (level: LogLevel, least: LogLevel): boolean =>
  LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(least)

function prettyLog(least: LogLevel, style: Style): Log {
  return {
    write(level, message, fields = {}) {
      if (isBelow(level, least)) return
      process.stderr.write(`\r\x1b[K${prettyLine(new Date(), { level, message, fields }, style)}\n`)
    },
    flush: async () => undefined,
  }
}

interface Entry {
  readonly level: LogLevel
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** `12:30:01 WARN  perf_data: the disk is full  file=/tmp/x` */
export function prettyLine(time: Date, { level, message, fields }: Entry, style: Style): string {
  const name = level.toUpperCase().padEnd(5)
  const details = Object.entries(fields).map(([key, value]) =>
    style.dim(`${key}=${printable(String(value))}`),
  )
  return [
    style.dim(time.toTimeString().slice(0, 8)),
    painted(level, name, style),
    printable(message),
    ...details,
  ].join(' ')
}

function painted(level: LogLevel, text: string, style: Style): string {
  switch (level) {
    case 'debug':
      return style.dim(text)
    case 'info':
      return text
    case 'warn':
      return style.yellow(text)
    case 'error':
      return style.red(text)
  }
}

/** pino is loaded with the first line: nothing waits for it before the first sample. */
function jsonLog(least: LogLevel): Log {
  let lines: Promise<void> = Promise.resolve()
  let logger: Promise<import('pino').Logger> | undefined
  return {
    write(level, message, fields = {}) {
      if (isBelow(level, least)) return
      logger ??= openPino(least)
      const written = Promise.all([logger, lines])
      lines = written
        .then(([pino]) => pino[level](fields, message))
        .catch((error: unknown) => {
          process.stderr.write(`sonde: ${message} (and the log is broken: ${messageOf(error)})\n`)
        })
    },
    flush: () => lines,
  }
}

/** Lines that wait for a log that cannot be written; more of them are dropped. */
const MAX_WAITING_BYTES = 64 * 2 ** 10

async function openPino(level: LogLevel): Promise<import('pino').Logger> {
  const { default: pino } = await import('pino')
  // Nothing is lost when the process is killed; the agent logs little.
  const destination = pino.destination({ fd: 2, sync: true, maxLength: MAX_WAITING_BYTES })
  // A full disk under the log, or a reader who has gone, is no reason to stop sampling.
  destination.on('error', () => undefined)
  return pino(
    {
      level,
      base: { name: 'sonde', pid: process.pid },
      formatters: { level: (label) => ({ level: label }) },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    destination,
  )
}
