// Requests to a worker thread, and its answers.

import { Worker } from 'node:worker_threads'

/** What the client sends, and what the thread's code answers with. */
export interface WorkerRequest {
  readonly id: number
  readonly message: unknown
}
export type WorkerAnswer =
  | { readonly id: number; readonly outcome: 'done'; readonly value: unknown }
  | {
      readonly id: number
      readonly outcome: 'failed'
      readonly error: Error
      readonly code: string | undefined
    }

interface Waiting {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

/** A young generation of the default size would be most of what the thread takes. */
const RESOURCE_LIMITS = { maxYoungGenerationSizeMb: 4 }

/**
 * One thread, started by the first request. When it dies every request under way is rejected, and the next one starts a
 * new thread, which knows nothing of the old one's state. It does not keep the process alive while nothing is asked.
 */
export class WorkerClient {
  readonly #entry: URL
  readonly #waiting = new Map<number, Waiting>()
  #worker: Worker | undefined
  #nextId = 0

  constructor(entry: URL) {
    this.#entry = entry
  }

  /** Resolves with the answer's value; rejects with its error, or when the thread ends without answering. */
  request(message: unknown): Promise<unknown> {
    const worker = this.#running()
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      worker.ref()
      worker.postMessage({ id, message } satisfies WorkerRequest)
    })
  }

  /** Ends the thread; what is under way is rejected. Safe twice, and without a thread. */
  async close(): Promise<void> {
    const worker = this.#worker
    this.#worker = undefined
    worker?.ref() // else nothing keeps the process alive until it has ended
    await worker?.terminate()
  }

  #running(): Worker {
    if (this.#worker !== undefined) return this.#worker
    const worker = new Worker(this.#entry, { resourceLimits: RESOURCE_LIMITS })
    const requests = this.#waiting
    let problem: Error | undefined
    worker.on('message', (answer: WorkerAnswer) => this.#settle(worker, answer))
    worker.on('error', (error: Error) => {
      problem = error
    })
    worker.on('exit', (code) => {
      if (this.#worker === worker) this.#worker = undefined
      const reason = problem?.message ?? `exit code ${code}`
      const lost = [...requests.values()]
      requests.clear()
      for (const { reject } of lost)
        reject(new Error(`the worker thread ended: ${reason}`, { cause: problem }))
    })
    this.#worker = worker
    return worker
  }

  #settle(worker: Worker, answer: WorkerAnswer): void {
    const waiting = this.#waiting.get(answer.id)
    this.#waiting.delete(answer.id)
    if (this.#waiting.size === 0 && this.#worker === worker) worker.unref()
    switch (answer.outcome) {
      case 'done':
        waiting?.resolve(answer.value)
        break
      case 'failed':
        waiting?.reject(
          answer.code === undefined ? answer.error : Object.assign(answer.error, { code: answer.code }),
        )
        break
    }
  }
}

/**
 * The file of a thread's code beside the module that asks, in the sources and in the bundle.
 * @param moduleUrl `import.meta.url` of a module in the same directory as the thread's code
 */
export const workerEntry = (moduleUrl: string, name: string): URL =>
  new URL(`./${name}${moduleUrl.endsWith('.ts') ? '.ts' : '.mjs'}`, moduleUrl)
