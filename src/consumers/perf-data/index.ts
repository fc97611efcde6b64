// perf_data: everything that was sampled, as files that perf reads.

import { join, resolve } from 'node:path'
import { FinishedFiles } from '../../base/finished-files.ts'
import type { ConsumerLoss, ConsumerOutcome, ProfileConsumer } from '../../core/consumer.ts'
import type { ConsumerContext } from '../../core/consumer-context.ts'
import { AgentError, errnoOf, messageOf } from '../../core/errors.ts'
import { type OpenSource, OpenSources } from '../../core/open-sources.ts'
import { definePlugin } from '../../core/plugin.ts'
import type { ProfileBatch } from '../../core/profile.ts'
import { moveTimes } from '../../formats/perf-data/other-clock.ts'
import { sampleSession } from '../../formats/perf-data/window.ts'
import { type Destination, type FinishedBy, NamedFile, RotatingDirectory } from './destination.ts'
import { fileClock } from './file-clock.ts'
import { PART } from './part-file.ts'
import { type FileClock, type Flush, Recording } from './recording.ts'
import { type PerfDataConfig, schema } from './settings.ts'
import { writeError } from './write-error.ts'

/** Of the slowest levels; what has less time to stop stays plain. */
const PACKED_BYTES_PER_MS = 2_000

export const perfData = definePlugin({
  type: 'perf_data',
  schema,
  create: (config: PerfDataConfig, context: ConsumerContext): ProfileConsumer =>
    new PerfDataConsumer(config, context),
})

/**
 * Writes one recording of each source at a time; each is complete in itself. Batches are taken one after another, also when
 * the lane has stopped waiting for one.
 */
class PerfDataConsumer implements ProfileConsumer {
  readonly name = 'perf_data'
  readonly #config: PerfDataConfig
  readonly #context: ConsumerContext
  /** What it writes into, for messages: the directory, or the one file. */
  readonly #place: string
  readonly #destination: Destination
  readonly #clock: FileClock
  readonly #sources = new OpenSources<Recording>()
  /** Whose samples are in the one file. */
  #owner: number | undefined
  #turn: Promise<unknown> = Promise.resolve()
  #seen: 'nothing' | 'windows' | 'samples' = 'nothing'
  #written = 0
  readonly #finished = new FinishedFiles()
  readonly #lost: Partial<Record<ConsumerLoss, number>> = {}

  constructor(config: PerfDataConfig, context: ConsumerContext) {
    this.#config = config
    this.#context = context
    const {
      file,
      directory = join(context.dataDirectory, 'profiles'),
      mode,
      maxFiles,
      maxTotalBytes,
    } = config
    this.#clock = fileClock(config.clock, context)
    this.#place = resolve(file ?? directory)
    this.#destination =
      file === undefined
        ? new RotatingDirectory({ directory: this.#place, mode, maxFiles, maxTotalBytes }, context)
        : new NamedFile({ path: this.#place, mode, stamped: config.stamped, maxFiles }, context)
  }

  start(): Promise<void> {
    return this.#inTurn(() => this.#destination.prepare())
  }

  consumeProfiles(batch: ProfileBatch, signal: AbortSignal): Promise<void> {
    const taken = this.#inTurn(async () => {
      const source = this.#sources.note(batch)
      try {
        signal.throwIfAborted()
        if (this.#seen !== 'samples') this.#seen = batch.samples.length > 0 ? 'samples' : 'windows'
        await this.#take(source, batch, signal)
      } catch (error) {
        signal.throwIfAborted()
        throw writeError(error, this.#place, this.#destination)
      }
    })
    const closed = this.#inTurn(() => this.#closeAll(this.#sources.takeEnded(batch)))
    // What was taken is in the file: the time that compressing it takes is no concern of the batch's. Failures are counted there.
    return this.#config.compression === 'none' ? taken.finally(() => closed) : taken
  }

  stop(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#closeAll(this.#sources.takeAll())
      if (this.#seen === 'windows') await this.#destination.setAside()
    })
  }

  rotate(): Promise<void> {
    return this.#inTurn(() => this.#closeAll(this.#sources.open, 'rotation'))
  }

  outcome(): ConsumerOutcome {
    const open = this.#sources.kept
    return {
      ...this.#finished.look(),
      written: this.#written,
      lost: { ...this.#lost },
      ...(open.length === 0
        ? {}
        : { open: { samples: sumOf(open, ({ samples }) => samples), bytes: this.#openBytes() } }),
    }
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(work)
    this.#turn = result.catch(() => undefined)
    return result
  }

  async #take(source: Source, batch: ProfileBatch, signal: AbortSignal): Promise<void> {
    await this.#forgetRemoved(source)
    if (source.kept !== undefined && this.#isOver(source.kept, batch)) await this.#close(source, 'rotation')
    // No file is begun for nothing.
    if (source.kept === undefined && batch.samples.length === 0) return
    const { encodeSamples } = this.#context
    const samples = await encodeSamples(new Uint8Array(batch.buffer), [sampleSession(batch.session)])
    const offset = this.#clock.offsetIn(batch)
    if (offset !== 0n) moveTimes(samples, offset)
    try {
      await this.#write(source, { batch, samples }, signal)
    } finally {
      giveBack(samples)
    }
  }

  async #write(source: Source, encoded: EncodedBatch, signal: AbortSignal): Promise<void> {
    let planned = await this.#planned(source, encoded)
    for (;;) {
      const tooMuch = this.#inTheWay(source, planned)
      if (tooMuch === undefined) return this.#append(source, planned, signal)
      await this.#close(tooMuch, 'rotation')
      if (tooMuch !== source) continue
      if (encoded.batch.samples.length === 0) return
      planned = await this.#planned(source, encoded)
    }
  }

  /** What is to be written where. */
  async #planned(source: Source, { batch, samples }: EncodedBatch): Promise<Planned> {
    source.kept ??= await this.#open(batch)
    const recording = source.kept
    const records = await recording.recordsWith(samples, batch)
    const isEmpty = records.every(({ length }) => length === 0)
    return { recording, batch, flush: await recording.plan(batch, records), isEmpty }
  }

  async #open(batch: ProfileBatch): Promise<Recording> {
    if (!this.#destination.rotates) this.#own(batch)
    const begin = new Date(Number(batch.window.unixStart / 1_000_000n))
    const part = await this.#withRoom(() => this.#destination.create(begin))
    return new Recording(part, batch, { version: `sonde ${this.#context.version}`, clock: this.#clock })
  }

  /** The one file is one source's, also when that has ended: it is never written over. */
  #own({ session: { source } }: ProfileBatch): void {
    this.#owner ??= source
    if (this.#owner === source) return
    const message = `Cannot write other samples into ${this.#place}: one file holds one set of events. Name a directory instead (directory).`
    throw new AgentError('PERF_DATA.OTHER_EVENTS', message)
  }

  async #append(
    source: Source,
    { recording, batch, flush, isEmpty }: Planned,
    signal: AbortSignal,
  ): Promise<void> {
    if (isEmpty) return recording.noteEmpty(batch)
    try {
      await this.#withRoom(() => recording.append(flush, signal))
    } catch (error) {
      if (recording.isEmpty) await this.#discard(source, recording)
      throw writeError(error, recording.path + PART, this.#destination)
    }
    await this.#keepLimits()
  }

  /** Repeats `work` as long as the disk is full and something old can be given up for it. */
  async #withRoom<Result>(work: () => Promise<Result>): Promise<Result> {
    for (;;) {
      try {
        return await work()
      } catch (error) {
        const full = ['ENOSPC', 'EDQUOT'].includes(errnoOf(error) ?? '')
        if (!full || !(await this.#destination.makeRoom())) throw error
      }
    }
  }

  #openBytes(): number {
    return sumOf(this.#sources.kept, ({ bytes }) => bytes)
  }

  async #keepLimits(): Promise<void> {
    try {
      await this.#destination.upkeep(this.#openBytes())
    } catch (error) {
      this.#context.log('warn', 'Cannot delete old perf.data files', { error: messageOf(error) })
    }
  }

  #isOver(recording: Recording, batch: ProfileBatch): boolean {
    if (!recording.suits(batch)) {
      if (this.#destination.rotates) return true
      const message = `Cannot write ${recording.path} any further: what is sampled has changed, and one file holds one set of events.`
      throw new AgentError('PERF_DATA.OTHER_EVENTS', message)
    }
    const interval = BigInt(this.#config.rotationInterval) * 1_000_000n
    return this.#destination.rotates && interval > 0n && recording.ageNs(batch) >= interval
  }

  /**
   * What is to be closed before something is written: a file that would become too large, or, when all that are open would
   * take more than half of what there is for all, the largest. Nothing was written into a file yet: it may become too large.
   */
  #inTheWay(source: Source, { recording, flush }: Planned): Source | undefined {
    if (!this.#destination.rotates) return undefined
    const { maxFileBytes, maxTotalBytes } = this.#config
    if (maxFileBytes > 0 && flush.sealedSize > maxFileBytes && !recording.isEmpty) return source
    const sizes = this.#sources.open
      .filter(({ kept }) => kept !== undefined && !kept.isEmpty)
      .map((each) => ({
        source: each,
        bytes: each === source ? flush.sealedSize : (each.kept?.sealedBytes ?? 0),
      }))
    const total = sumOf(sizes, ({ bytes }) => bytes) + (recording.isEmpty ? flush.sealedSize : 0)
    if (maxTotalBytes === 0 || total <= Math.floor(maxTotalBytes / 2)) return undefined
    return sizes.toSorted((one, other) => other.bytes - one.bytes)[0]?.source
  }

  /** Somebody deleted the file under our hands: what was in it is lost, and the next one begins. */
  async #forgetRemoved(source: Source): Promise<void> {
    const recording = source.kept
    if (recording === undefined || (await recording.isInPlace())) return
    source.kept = undefined
    await recording.abandon()
    this.#countLost('file_removed', recording, new Error('somebody removed it'))
  }

  async #closeAll(sources: readonly Source[], by: FinishedBy = 'end'): Promise<void> {
    for (const source of sources) await this.#close(source, by)
  }

  async #close(source: Source, by: FinishedBy): Promise<void> {
    const recording = source.kept
    if (recording === undefined) return
    // What it was begun for could not be written.
    if (recording.isEmpty) return this.#discard(source, recording)
    source.kept = undefined
    await this.#seal(recording)
    await this.#compress(recording)
    try {
      const file = await this.#destination.finish(recording, by)
      this.#written += recording.samples
      this.#finished.note({ path: file, bytes: recording.bytes })
      this.#context.log('info', 'Wrote perf.data', {
        file,
        bytes: recording.bytes,
        samples: recording.samples,
        ...(recording.config !== null && {
          config: recording.config.name,
          version: recording.config.version,
        }),
      })
    } catch (error) {
      this.#countLost('not_finished', recording, error)
    }
    await this.#keepLimits()
    this.#finished.look()
  }

  /** Without it the file is as good as ever for perf; Sonde takes its stacks for unverified. */
  async #seal(recording: Recording): Promise<void> {
    const { log } = this.#context
    try {
      await this.#withRoom(() => recording.seal())
      if (recording.untold === 0) return
      const fields = { file: recording.path, samples: recording.untold }
      log('warn', 'A perf.data file does not say of some samples how far their stacks can be trusted', fields)
    } catch (error) {
      const fields = { file: recording.path, error: messageOf(error) }
      log('warn', 'Cannot write into a perf.data file how far its stacks can be trusted', fields)
    }
  }

  /** Without it the file is as good as ever, only larger. */
  async #compress(recording: Recording): Promise<void> {
    const { compression, compressionLevel: level } = this.#config
    if (compression === 'none') return
    const { log, stopBy, tryLock } = this.#context
    const fields = { file: recording.path, bytes: recording.bytes }
    const left = (stopBy() ?? Number.POSITIVE_INFINITY) - performance.now()
    if (recording.bytes / PACKED_BYTES_PER_MS > left)
      return log('warn', 'A perf.data file is not compressed: there is no time for it', fields)
    try {
      await recording.compress({ level, tryLock })
    } catch (error) {
      log('warn', 'A perf.data file could not be compressed, and stays plain', {
        ...fields,
        error: messageOf(error),
      })
    }
  }

  async #discard(source: Source, recording: Recording): Promise<void> {
    source.kept = undefined
    await recording.discard().catch(() => undefined)
  }

  #countLost(reason: ConsumerLoss, recording: Recording, cause: unknown): void {
    this.#lost[reason] = (this.#lost[reason] ?? 0) + recording.samples
    const fields = { file: recording.path, samples: recording.samples, error: messageOf(cause) }
    this.#context.log('error', 'A perf.data file is lost', fields)
  }
}

type Source = OpenSource<Recording>

interface EncodedBatch {
  readonly batch: ProfileBatch
  /** The records of its samples. */
  readonly samples: Uint8Array
}

interface Planned {
  readonly recording: Recording
  readonly batch: ProfileBatch
  readonly flush: Flush
  /** There is nothing to write. */
  readonly isEmpty: boolean
}

const sumOf = <Each>(all: readonly Each[], figure: (each: Each) => number): number =>
  all.reduce((sum, each) => sum + figure(each), 0)

/** Megabytes of every window, which garbage collection would come to after several windows. */
function giveBack({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0)
}
