// Where a directory of configurations says what `sonde run` samples.

import { statSync } from 'node:fs'
import type { AgentOptions } from '../agent.ts'
import { systemClock } from '../base/clock.ts'
import { ConfigDirectory } from '../config/config-directory.ts'
import type { ConfigDocument } from '../config/config-document.ts'
import { type ConfigText, readConfig } from '../config/config-file.ts'
import { CONFIG_DIRECTORIES, configDirectory } from '../config/config-place.ts'
import { readDocuments } from '../config/documents.ts'
import { readYaml } from '../config/yaml-document.ts'
import { AgentError, messageOf, UsageError } from '../core/errors.ts'
import type { SampleFilter } from '../core/sample-filter.ts'
import type { Milliseconds } from '../core/units.ts'
import { checkEventName } from '../sampler/events/choose.ts'
import type { Log } from './log.ts'
import type { ParsedOptions } from './options.ts'
import type { RunConfig, RunSettings } from './run-settings.ts'
import type { Senders } from './senders.ts'
import { WatchedCollections } from './watched-collections.ts'

export interface WatchRequest {
  readonly settings: Pick<RunSettings, 'options' | 'configIn'>
  readonly log: Log
  /**
   * The AgentConfig of the directory is another valid one now, or none any more: then the default is. Returns the sections that
   * need a restart.
   */
  readonly onAgentConfig: (config: ConfigText) => Promise<readonly string[]>
}

/**
 * The directory that was named, or is where one usually is; undefined: there is none.
 * @throws AgentError where it holds an AgentConfig that is not valid, and so nothing to begin with
 */
export async function watchedCollections(request: WatchRequest): Promise<WatchedCollections | undefined> {
  const { settings, log, onAgentConfig } = request
  const { options } = settings
  const path = configDirectory(options.value('config-fs-path'), options.value('config'))
  if (path === undefined) return undefined
  // Else it would be whatever directory this was started in.
  if (path.trim() === '')
    throw new UsageError(`${options.nameOf('config-fs-path')} needs a directory: ${CONFIG_DIRECTORIES[0]}.`)
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === false)
    throw new UsageError(
      `${options.nameOf('config-fs-path')} ${path}: this is no directory. Name the one that it lies in.`,
    )
  const reader = new DocumentReader(settings)
  const watched = await WatchedCollections.open({
    path,
    directory: new ConfigDirectory({
      directory: path,
      read: (text, file) => reader.read(text, file),
      clock: systemClock,
      log: log.write,
    }),
    onAgentConfig: async (document) =>
      onAgentConfig(agentConfigText(options, document && { agentDocument: document })),
    log: log.write,
  })
  if (watched.agentDocument === undefined && reader.agentProblem !== undefined) {
    await watched.close()
    throw reader.agentProblem
  }
  return watched
}

const AGENT_TYPE = 'sonde.v1.AgentConfig'

/** Documents as they hold for this agent: what says how it works has to go with its options, too. */
class DocumentReader {
  readonly #settings: Pick<RunSettings, 'configIn'>
  /** Of the last AgentConfig that was read; undefined: it is valid, or there was none. */
  agentProblem: unknown

  constructor(settings: Pick<RunSettings, 'configIn'>) {
    this.#settings = settings
  }

  read(text: string, file: string): readonly ConfigDocument[] {
    // Which consumers there are shows when their configuration is read: who names others cannot be started, and hears it then.
    const documents = readDocuments(text, file, { checkEvent: checkEventName, consumerNames: undefined })
    return documents.map((each) => {
      if (each.kind === 'agent') return this.#checked(each, file)
      if (each.kind === 'invalid' && each.identity?.type === AGENT_TYPE)
        this.agentProblem = new AgentError('CONFIG.INVALID', each.problems.join('\n'))
      return each
    })
  }

  #checked(agent: Extract<ConfigDocument, { readonly kind: 'agent' }>, file: string): ConfigDocument {
    const { text, document, place } = agent
    this.agentProblem = undefined
    try {
      this.#settings.configIn({ text, file, document })
      return agent
    } catch (error) {
      this.agentProblem = error
      const identity = { type: AGENT_TYPE, name: '' }
      return { kind: 'invalid', place, identity, problems: messageOf(error).split('\n') }
    }
  }
}

/**
 * The agent's own configuration: of `--config`, of the directory, or the one that comes with Sonde.
 * @throws UsageError where two places say it
 */
export function agentConfigText(
  options: ParsedOptions,
  watched: Pick<WatchedCollections, 'agentDocument'> | undefined,
): ConfigText {
  const file = options.value('config')
  const document = watched?.agentDocument
  if (document === undefined) return readConfig(file)
  if (file === undefined) return document
  throw new UsageError(`Both --config ${file} and ${document.place} hold an AgentConfig: leave one of them.`)
}

/** Of spec.sampler, what the configurations of a directory say instead. */
export const SAID_BY_COLLECTIONS: readonly string[] = ['events', 'frequency', 'period', 'window', 'maxStack']

/** What options, variables and an AgentConfig that somebody named say in vain beside a directory, in words. */
export function idleSettings(
  { said, options }: Pick<RunSettings, 'said' | 'options'>,
  watched: Pick<WatchedCollections, 'path' | 'agentDocument'> | undefined,
  read: ConfigText,
): readonly string[] {
  if (watched === undefined) return []
  const names = said
    .filter(({ setting: { consumer, keys } }) => consumer === undefined && isIdle(keys))
    .map(({ name }) => name)
  const isNamed = watched.agentDocument !== undefined || options.value('config') !== undefined
  const inFile = isNamed ? SAID_BY_COLLECTIONS.filter((key) => statesSampler(read, key)) : []
  return [...names, ...inFile.map((key) => `spec.sampler.${key} of ${read.file}`)].map(
    (name) => `${name} changes nothing: what is sampled is said by the configurations in ${watched.path}`,
  )
}

const isIdle = ([section, key = '']: readonly (string | number)[]): boolean =>
  section === 'sampler' && SAID_BY_COLLECTIONS.includes(key as string)

function statesSampler({ text, file, document }: ConfigText, key: string): boolean {
  const { spec } = (document ?? readYaml(text, file)).value as { spec?: { sampler?: object } }
  return Object.hasOwn(spec?.sampler ?? {}, key)
}

export interface RunSampling {
  readonly config: RunConfig['config']
  readonly filter: SampleFilter
  readonly limit: Milliseconds | undefined
  readonly watched: WatchedCollections | undefined
  readonly senders: Senders
}

/** Where there is a directory of configurations, only what stands there is sampled. */
export function samplingOf({
  config,
  filter,
  limit,
  watched,
  senders,
}: RunSampling): AgentOptions['sampling'] {
  const common = {
    filter,
    target: { kind: 'machine', otherwise: 'own_processes' },
    commandLine: ['sonde', 'run'],
  } as const
  if (watched === undefined)
    return { ...config.sampler, ...common, missingCgroups: 'awaited', duration: limit }
  const { backEnd, callGraph, ringBytes } = config.sampler
  const consumerNames = [...config.consumerTypes, ...senders.types]
  return { ...common, backEnd, callGraph, ringBytes, collections: watched.collections, consumerNames }
}
