// What a person names is opened as what it is: a file, a pipe, standard input.

import { closeSync, constants, fstatSync, open, openSync, statSync } from 'node:fs'
import { Socket } from 'node:net'
import { addAbortSignal } from 'node:stream'
import { promisify } from 'node:util'
import { AgentError } from '../core/errors.ts'
import { Replay } from './replay.ts'

/** Standard input, as perf spells it. */
const STANDARD_INPUT = '-'
const STDIN_FD = 0

/**
 * @param signal ends the waiting for what comes through a pipe
 * @throws AgentError where it cannot be read at all
 */
export async function openReplay(path: string, signal: AbortSignal): Promise<Replay> {
  if (path === STANDARD_INPUT) return openStandardInput(signal)
  const stats = statSync(path, { throwIfNoEntry: false })
  if (stats?.isDirectory() === true) throw isDirectory(path)
  if (stats?.isFIFO() === true) return openPipe(await openFifo(path, signal), path, signal)
  return Replay.open(path)
}

/** Waits for somebody who writes into it, away from the thread that handles signals. */
async function openFifo(path: string, signal: AbortSignal): Promise<number> {
  // Nothing else ends such a wait, not even the end of the process: we are the one who opens it for writing.
  const release = () => closeSync(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK))
  signal.addEventListener('abort', release, { once: true })
  const fd = await promisify(open)(path, 'r')
  signal.removeEventListener('abort', release)
  return fd
}

function openStandardInput(signal: AbortSignal): Promise<Replay> | Replay {
  const name = 'standard input'
  const stats = fstatSync(STDIN_FD)
  if (stats.isFile()) return Replay.open('/dev/stdin')
  if (stats.isFIFO() || stats.isSocket()) return openPipe(STDIN_FD, name, signal)
  throw new AgentError(
    'REPLAY.CANNOT_OPEN',
    `Cannot read ${name}: nothing is piped into it. Write perf record -o - CMD | in front of this command.`,
  )
}

async function openPipe(fd: number, name: string, signal: AbortSignal): Promise<Replay> {
  // A socket waits without a thread, so that nothing holds up the end of the process.
  signal.throwIfAborted()
  const socket = addAbortSignal(signal, new Socket({ fd, readable: true, writable: false }))
  return Replay.openStream({ name, pieces: piecesOf(socket, signal), close: () => socket.destroy() })
}

async function* piecesOf(socket: Socket, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    for await (const piece of socket) yield piece as Uint8Array
  } catch (error) {
    // Why it was asked to end says more than that it did.
    signal.throwIfAborted()
    throw error
  }
}

const isDirectory = (path: string): AgentError =>
  new AgentError(
    'REPLAY.CANNOT_OPEN',
    `Cannot read ${path}: it is a directory, as perf record --threads makes them. Record without --threads.`,
  )
