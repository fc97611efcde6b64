// While the agent runs: SIGHUP, or a change in the directory of configurations, makes it read the filter again.

import { changedSections } from '../config/changed-sections.ts'
import type { ConfigText } from '../config/config-file.ts'
import type { LogLevel } from '../core/consumer-context.ts'
import { messageOf } from '../core/errors.ts'
import { bothFilters, type SampleFilter } from '../core/sample-filter.ts'
import { filterText } from '../core/sample-match.ts'
import { checkRuleCount } from './filter-options.ts'

export interface FilterReloadOptions {
  /** The configuration as it was read at the start. */
  readonly config: ConfigText
  /** As it is now. @throws AgentError, UsageError */
  readonly read: () => ConfigText
  /** The rules of the command line, which stay. */
  readonly asked: SampleFilter
  /** @throws AgentError where the document is not valid */
  readonly filterIn: (config: ConfigText) => Promise<SampleFilter>
  /** Returns what it names in vain. */
  readonly setFilter: (filter: SampleFilter) => readonly string[]
  /** Sections that change nothing: `sampler.window`. */
  readonly idle: readonly string[]
  readonly log: (level: LogLevel, message: string) => void
}

/** Takes over what the file says now. One that is not valid changes nothing, and its problems are logged. */
export class FilterReload {
  readonly #options: FilterReloadOptions
  #turn: Promise<void> = Promise.resolve()

  constructor(options: FilterReloadOptions) {
    this.#options = options
  }

  /** Never rejects. One after the other: the last one asked for is the one in force. */
  reload(): Promise<void> {
    this.#turn = this.#turn.then(() => this.#reload())
    return this.#turn
  }

  async #reload(): Promise<void> {
    const { read, log } = this.#options
    try {
      await this.take(read())
    } catch (error) {
      log('error', `SIGHUP: the filter stays as it was:\n${messageOf(error)}`)
    }
  }

  /**
   * Returns the sections that have changed and need a restart.
   * @throws AgentError where the document is not valid; then nothing changes
   */
  async take(now: ConfigText): Promise<readonly string[]> {
    const { config, asked, filterIn, setFilter, log, idle } = this.#options
    const filter = bothFilters(asked, await filterIn(now))
    checkRuleCount(filter.rules.length)
    const notices = setFilter(filter)
    log('info', `${now.file} was read again; sampled is now: ${filterText(filter)}`)
    for (const notice of notices) log('warn', notice)
    const others = changedSections(config.text, now.text).filter((section) => !idle.includes(section))
    if (others.length > 0)
      log('warn', `What changed besides the filter needs a restart: ${others.join(', ')} of ${now.file}`)
    return others
  }
}
