// Asks the running agent of a data directory for its status.

import { statSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { AgentError, errnoOf, messageOf } from '../core/errors.ts'
import { STATUS_PATH, STATUS_SOCKET } from '../core/status.ts'

const ANSWER_MS = 5_000
/** Some hundred files and consumers are a few kilobytes. */
const MAX_ANSWER_BYTES = 4 * 2 ** 20

/**
 * The JSON as the agent sent it.
 * @throws AgentError `STATUS.NO_AGENT`, `STATUS.NOT_ALLOWED`, `STATUS.NO_ANSWER`
 */
export async function askAgent(directory: string): Promise<string> {
  const socketPath = join(directory, STATUS_SOCKET)
  try {
    const signal = AbortSignal.timeout(ANSWER_MS)
    return await bodyOf(await answerOn(socketPath, signal), signal)
  } catch (error) {
    throw explained(error, directory)
  }
}

const answerOn = (socketPath: string, signal: AbortSignal): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    get({ socketPath, path: STATUS_PATH, agent: false, signal }, resolve).on('error', reject)
  })

async function bodyOf(response: IncomingMessage, signal: AbortSignal): Promise<string> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of response) {
    pieces.push(piece as Buffer)
    bytes += (piece as Buffer).length
    if (bytes > MAX_ANSWER_BYTES) throw new Error(`its answer exceeds ${MAX_ANSWER_BYTES} bytes`)
  }
  // A body that is cut off ends like a whole one.
  signal.throwIfAborted()
  if (!response.complete) throw new Error('its answer was cut off')
  const body = Buffer.concat(pieces).toString('utf8')
  if (response.statusCode !== 200) throw new Error(`HTTP ${response.statusCode} ${body.trim().slice(0, 200)}`)
  return body
}

function explained(error: unknown, directory: string): AgentError {
  const code = errnoOf(error)
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return noAgent(directory, `there is no ${STATUS_SOCKET} in it`)
    case 'ECONNREFUSED':
      return noAgent(directory, `one that was killed left its ${STATUS_SOCKET}`)
    case 'EACCES':
    case 'EPERM':
      return new AgentError(
        'STATUS.NOT_ALLOWED',
        `Cannot ask the agent of ${directory}: permission denied. ${whoMay(directory)} may ask.`,
        { cause: error },
      )
    case 'EINVAL': {
      const why = `the path of its socket is longer than a socket's may be (107 bytes), so it has none`
      return new AgentError('STATUS.NO_ANSWER', `Cannot ask the agent of ${directory}: ${why}.`, {
        cause: error,
      })
    }
    default: {
      const why = isOverdue(error) ? `no answer within ${ANSWER_MS / 1_000} s` : messageOf(error)
      return new AgentError('STATUS.NO_ANSWER', `Cannot ask the agent of ${directory}: ${why}.`, {
        cause: error,
      })
    }
  }
}

const isOverdue = (error: unknown): boolean =>
  errnoOf(error) === 'ABORT_ERR' || (error instanceof Error && error.name === 'TimeoutError')

const noAgent = (directory: string, why: string): AgentError =>
  new AgentError(
    'STATUS.NO_AGENT',
    `No agent runs with the data directory ${directory} (${why}).\nStart one: sonde run --data-directory ${directory}`,
  )

/** Sockets and directories of agents are their owner's alone. */
function whoMay(directory: string): string {
  const owner = ownerOf(directory)
  return owner === undefined || owner === 0 ? 'Root' : `Root, and the user with the number ${owner},`
}

function ownerOf(directory: string): number | undefined {
  try {
    return statSync(directory).uid
  } catch {
    return undefined
  }
}
