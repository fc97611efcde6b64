// What is worth a line of the log when a directory of configuration was read again.

import type { LogLevel } from '../core/consumer-context.ts'
import type { WantedState } from './wanted-state.ts'

export interface News {
  readonly level: LogLevel
  readonly message: string
}

/** Each problem, warning and notice once, when it comes up. */
export function newsOf(before: WantedState | undefined, now: WantedState): readonly News[] {
  const known = new Set(before === undefined ? [] : linesOf(before).map(({ message }) => message))
  return linesOf(now).filter(({ message }) => !known.has(message))
}

function linesOf({ files, watching, notices }: WantedState): readonly News[] {
  return [
    ...notices.map((message): News => ({ level: 'warn', message })),
    ...(watching.reason === undefined ? [] : [watchingNews(watching.how, watching.reason)]),
    ...files.flatMap(({ state, problems, warnings }) => [
      ...problems.map((message): News => ({ level: 'warn', message })),
      ...warnings.map((message): News => ({ level: state === 'ignored' ? 'debug' : 'warn', message })),
    ]),
  ]
}

const watchingNews = (how: WantedState['watching']['how'], reason: string): News => ({
  level: how === 'polling' ? 'warn' : 'info',
  message: `everything is read again every ${how === 'polling' ? 'second' : '10 s'}, because ${reason}`,
})
