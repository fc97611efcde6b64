// Stops a program, and asks gdb and Sonde's unwinder about the same state of it.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

const snapshotTool = join(import.meta.dirname, '../../build/native/sonde_snapshot')
const gdbScript = join(import.meta.dirname, 'gdb_frames.py')

/** Where another build of the native tests is meant. */
export const snapshotProgram = process.env.SONDE_SNAPSHOT ?? snapshotTool

/** Addresses are as gdb and we write them: hexadecimal, innermost first. */
export interface SondeThread {
  readonly tid: number
  readonly sp: string
  /** `complete`, or why it ends early. */
  readonly end: string
  /** The file of the outermost frame. */
  readonly in: string
  readonly frames: readonly string[]
}

export interface GdbThread {
  readonly tid: number
  readonly sp: string
  /** Why gdb stopped there. */
  readonly stop: string
  readonly frames: readonly string[]
}

/** A thread as both saw it. */
export interface Verdict {
  readonly tid: number
  readonly sonde: SondeThread
  readonly gdb: GdbThread
}

interface Answer<Thread> {
  readonly pid: number
  readonly error?: string
  readonly threads?: readonly Thread[]
}

/** A program that answers each line with a line of JSON. */
class Oracle<Thread> {
  readonly #child: ChildProcess
  readonly #answers: AsyncIterator<string>

  constructor(command: string, args: readonly string[]) {
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'ignore'] })
    const lines = createInterface({ input: this.#child.stdout! })
    this.#answers = lines[Symbol.asyncIterator]()
  }

  async ask(question: string): Promise<readonly Thread[]> {
    this.#child.stdin!.write(`${question}\n`)
    for (;;) {
      const line = await this.#answers.next()
      if (line.done === true) throw new Error('it has ended')
      if (!line.value.startsWith('{')) continue
      const answer = JSON.parse(line.value) as Answer<Thread>
      if (answer.threads === undefined) throw new Error(answer.error)
      return answer.threads
    }
  }

  close(): void {
    this.#child.kill('SIGKILL')
  }
}

/** Where no frame is above, gdb may show one at address 0. */
const withoutNull = (thread: GdbThread): GdbThread => ({
  ...thread,
  frames: thread.frames.filter((frame) => frame !== '0'),
})

/** Whether every thread stands in the stop; before, a signal that came at the same moment may still begin its handler. */
function isStopped(pid: number): boolean {
  return readdirSync(`/proc/${pid}/task`).every((tid) => {
    const status = readFileSync(`/proc/${pid}/task/${tid}/stat`, 'latin1')
    return /^[TZ]/.test(status.slice(status.lastIndexOf(')') + 2))
  })
}

export class StackJudge {
  readonly #sonde = new Oracle<SondeThread>(snapshotProgram, [])
  readonly #gdb = new Oracle<GdbThread>('gdb', ['-nx', '-q', '-batch', '-x', gdbScript])

  /** What both see in the process, which stands still meanwhile. `symbols`: the same program before it was stripped. */
  async look(pid: number, symbols = ''): Promise<readonly Verdict[]> {
    process.kill(pid, 'SIGSTOP')
    try {
      while (!isStopped(pid)) await sleep(1)
      const sonde = await this.#sonde.ask(String(pid))
      const gdb = new Map((await this.#gdb.ask(`${pid} ${symbols}`)).map((thread) => [thread.tid, thread]))
      return sonde.flatMap((thread) => {
        const other = gdb.get(thread.tid)
        if (other === undefined) return []
        // Otherwise they would be asked about different things.
        assert.deepEqual([other.sp, other.frames[0]], [thread.sp, thread.frames[0]])
        return [{ tid: thread.tid, sonde: thread, gdb: withoutNull(other) }]
      })
    } finally {
      process.kill(pid, 'SIGCONT')
    }
  }

  close(): void {
    this.#sonde.close()
    this.#gdb.close()
  }
}
