// files: profiles for pprof, flame graph tools, speedscope and the browser.

import { join, resolve } from 'node:path'
import * as z from 'zod'
import { FinishedFiles } from '../../base/finished-files.ts'
import type { ConsumerLoss, ConsumerOutcome, ProfileConsumer } from '../../core/consumer.ts'
import type { ConsumerContext } from '../../core/consumer-context.ts'
import { PROFILE_FORMATS, type ProfileLimits } from '../../core/encoder.ts'
import { AgentError, messageOf } from '../../core/errors.ts'
import { OpenSource, OpenSources } from '../../core/open-sources.ts'
import { definePlugin } from '../../core/plugin.ts'
import type { ProfileBatch } from '../../core/profile.ts'
import { byteSizeSchema, fileModeSchema } from '../../core/quantity-schema.ts'
import { SETTING_FACTS } from '../../core/setting-facts.ts'
import { PROFILE_ENDINGS, profileFormatOf } from '../../formats/profile/file-names.ts'
import { Collection, type Part } from './collection.ts'
import { NamedFiles, type Place, ProfileDirectory, type WrittenBy } from './places.ts'
import { writeFileWhole, writeProblem } from './whole-file.ts'

const endings = PROFILE_ENDINGS.map(([ending]) => ending).join(', ')

const schema = z
  .strictObject({
    directory: z
      .string()
      .min(1)
      .optional()
      .describe('Where the files go; default: profiles below the data directory')
      .register(SETTING_FACTS, { insteadOf: ['file'] }),
    formats: z
      .array(z.enum(PROFILE_FORMATS))
      .min(1)
      .default(['pprof', 'folded', 'speedscope', 'html'])
      .describe('What is written: pprof, folded, speedscope, html, firefox (Firefox Profiler)'),
    file: z
      .union([
        z
          .string()
          .min(1)
          .transform((path) => [path]),
        z.array(z.string().min(1)).min(1),
      ])
      .optional()
      .describe(`Files of exactly these names instead; the format follows from the ending: ${endings}`)
      .register(SETTING_FACTS, { insteadOf: ['directory'] }),
    format: z.enum(PROFILE_FORMATS).optional().describe('The format of file where its ending does not tell'),
    write: z
      .enum(['at_end', 'per_window'])
      .default('at_end')
      .describe('One profile of everything when its configuration or the agent ends, or one of each window'),
    labels: z
      .array(z.enum(['cpu']))
      .default([])
      .describe('What pprof samples are told apart by besides process and thread: cpu'),
    maxProfileBytes: byteSizeSchema
      .prefault('64MiB')
      .describe(
        "Memory for each configuration's profile under way; samples that do not fit are counted as table_full",
      ),
    maxFiles: z.int().min(0).default(240).describe('Files to keep; 0: no limit'),
    maxTotalBytes: byteSizeSchema
      .prefault('1GiB')
      .describe('Bytes that all files together may take; 0: no limit'),
    mode: fileModeSchema
      .prefault('0600')
      .describe('Permissions of files; directories can be entered by who may read files'),
  })
  .refine(({ directory, file }) => directory === undefined || file === undefined, {
    message: 'state either directory or file, not both',
  })
  .refine(({ file, write }) => file === undefined || write === 'at_end', {
    message: 'a file of one name can only be written at_end',
  })
  .refine(({ file, format }) => file === undefined || format !== undefined || file.every(profileFormatOf), {
    message: `the ending of file names no format: state format, or use ${endings}`,
  })

export type FilesConfig = z.output<typeof schema>

type Source = OpenSource<Collection>

export const files = definePlugin({
  type: 'files',
  schema,
  create: (config: FilesConfig, context: ConsumerContext): ProfileConsumer =>
    new FilesConsumer(config, context),
})

/**
 * Collects the batches of each source by itself; for files of given names those of all. Takes them one after another, also
 * when the lane has stopped waiting for one.
 */
class FilesConsumer implements ProfileConsumer {
  readonly name = 'files'
  readonly #config: FilesConfig
  readonly #context: ConsumerContext
  readonly #place: Place
  readonly #sources = new OpenSources<Collection>()
  /** Of those that have ended, what is still to be written. */
  readonly #ended: Source[] = []
  /** Of all sources, where it is to be one file. */
  readonly #whole = new OpenSource<Collection>()
  #turn: Promise<unknown> = Promise.resolve()
  #written = 0
  readonly #finished = new FinishedFiles()
  readonly #lost: Partial<Record<ConsumerLoss, number>> = {}

  constructor(config: FilesConfig, context: ConsumerContext) {
    this.#config = config
    this.#context = context
    const { file, format, formats, mode, maxFiles, maxTotalBytes } = config
    const directory = resolve(config.directory ?? join(context.dataDirectory, 'profiles'))
    this.#place =
      file === undefined
        ? new ProfileDirectory({ directory, formats, mode, maxFiles, maxTotalBytes }, context)
        : new NamedFiles(
            file.map((path) => ({ path: resolve(path), format: format ?? profileFormatOf(path) ?? 'pprof' })),
          )
  }

  start(): Promise<void> {
    return this.#inTurn(() => this.#place.prepare())
  }

  consumeProfiles(batch: ProfileBatch, signal: AbortSignal): Promise<void> {
    return this.#inTurn(async () => {
      const source = this.#isWhole ? this.#whole : this.#sources.note(batch)
      try {
        signal.throwIfAborted()
        if (source.kept !== undefined && this.#isOver(source.kept, batch)) await this.#write(source)
        await this.#add(source, batch)
        if (this.#config.write === 'per_window' && source.isWindowComplete) await this.#write(source)
      } finally {
        this.#ended.push(...this.#sources.takeEnded(batch))
        // While the agent stops, what others still have to hand over goes before what can be written afterwards.
        if (this.#context.stopBy() === undefined) await this.#writeAll(this.#ended.splice(0))
      }
    })
  }

  /** Rejects when the last profile could not be written. */
  stop(): Promise<void> {
    return this.#inTurn(async () => {
      const left = [...this.#ended.splice(0), ...this.#sources.takeAll(), this.#whole]
      const problems = await this.#writeAll(left)
      const [first] = problems
      if (first !== undefined) throw first
    })
  }

  rotate(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#writeAll([...this.#ended.splice(0), ...this.#sources.open, this.#whole], 'rotation')
    })
  }

  outcome(): ConsumerOutcome {
    const open = this.#open
    return {
      ...this.#finished.look(),
      written: this.#written,
      lost: { ...this.#lost },
      ...(open.length === 0
        ? {}
        : { open: { samples: open.reduce((sum, { samples }) => sum + samples, 0), bytes: 0 } }),
    }
  }

  get #open(): readonly Collection[] {
    const ended = this.#ended.flatMap(({ kept }) => kept ?? [])
    return [...ended, ...this.#sources.kept, ...(this.#whole.kept === undefined ? [] : [this.#whole.kept])]
  }

  get #isWhole(): boolean {
    return this.#config.file !== undefined
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(work)
    this.#turn = result.catch(() => undefined)
    return result
  }

  async #add(source: Source, batch: ProfileBatch): Promise<void> {
    const { maxProfileBytes, labels } = this.#config
    const timed = this.#place.formats.includes('firefox') ? (['time', 'timeline'] as const) : []
    const limits: ProfileLimits = { maxBytes: maxProfileBytes, labels: ['cgroup', ...timed, ...labels] }
    source.kept ??= new Collection(this.#context.encoder.openProfile(limits), batch)
    const collection = source.kept
    try {
      this.#countUnfitting(await collection.add(batch))
    } catch (error) {
      // What could not take this batch has lost the ones before it too.
      source.kept = undefined
      collection.close()
      this.#countLost('encoder_failed', collection.samples)
      const message = `Cannot collect a profile: ${messageOf(error)}. The next one begins by itself.`
      throw new AgentError('FILES.ENCODER_FAILED', message, { cause: error })
    }
  }

  /**
   * A file names one version of a configuration, unless its name is given. With one profile per window: a batch of the next
   * window says that no more of the last one come.
   */
  #isOver(collection: Collection, batch: ProfileBatch): boolean {
    if (this.#isWhole) return false
    const isNext = collection.sequence !== batch.window.sequence
    return (this.#config.write === 'per_window' && isNext) || !collection.suits(batch)
  }

  async #writeAll(sources: readonly Source[], by: WrittenBy = 'end'): Promise<Error[]> {
    const problems: Error[] = []
    for (const source of sources) problems.push(...(await this.#write(source, by)))
    return problems
  }

  /** Writes what was collected, if that is anything. Returns what went wrong: it is also logged and counted. */
  async #write(source: Source, by: WrittenBy = 'end'): Promise<Error[]> {
    const collection = source.kept
    source.kept = undefined
    if (collection === undefined) return []
    try {
      if (collection.samples > 0) return await this.#writeFiles(collection, by)
      const level = this.#config.write === 'at_end' ? 'info' : 'debug'
      this.#context.log(level, 'No samples: no profile is written')
      if (by === 'end') await this.#place.setAside()
      return []
    } finally {
      collection.close()
    }
  }

  async #writeFiles(collection: Collection, by: WrittenBy): Promise<Error[]> {
    const problems: Error[] = []
    const reasons = new Map<number, ConsumerLoss>()
    for (const { path, part } of await this.#place.plan(collection, by)) {
      try {
        await this.#writeFile(path, part, collection)
      } catch (error) {
        const problem = writeProblem(error, path)
        for (const session of part.sessions) reasons.set(session, problem.reason)
        problems.push(problem.error)
        this.#context.log('error', problem.error.message, { file: path })
      }
    }
    this.#finished.look()
    for (const [session, samples] of collection.samplesBySession()) {
      // A sample is written when every format has it.
      const reason = reasons.get(session)
      if (reason === undefined) this.#written += samples
      else this.#countLost(reason, samples)
    }
    return problems
  }

  async #writeFile(path: string, part: Part, collection: Collection): Promise<void> {
    const bytes = await this.#encoded(path, part, collection)
    const { mode } = this.#config
    const { tryLock, log } = this.#context
    const options = { mode, keepOld: this.#place.keepsOld, tryLock }
    await this.#place.withRoom(() => writeFileWhole(path, bytes, options))
    this.#finished.note({ path, bytes: bytes.length })
    log('info', 'Wrote a profile', { file: path, bytes: bytes.length })
    await this.#place.noteWritten(path)
  }

  async #encoded(path: string, part: Part, collection: Collection): Promise<Uint8Array> {
    try {
      return await collection.encode(part)
    } catch (error) {
      const message = `Cannot write ${path}: encoding it failed: ${messageOf(error)}. Please report it.`
      throw new AgentError('FILES.ENCODER_FAILED', message, { cause: error })
    }
  }

  #countUnfitting(samples: number): void {
    if (samples > 0 && this.#lost.table_full === undefined) {
      const { maxProfileBytes } = this.#config
      this.#context.log(
        'warn',
        'The profile is full: samples that do not fit are lost. Raise maxProfileBytes.',
        {
          maxProfileBytes,
        },
      )
    }
    this.#countLost('table_full', samples)
  }

  #countLost(reason: ConsumerLoss, samples: number): void {
    if (samples > 0) this.#lost[reason] = (this.#lost[reason] ?? 0) + samples
  }
}
