// Where a directory of configurations says what `sonde run` samples.

import type { AgentOptions } from '../agent.ts'
import { systemClock } from '../base/clock.ts'
import { ConfigDirectory } from '../config/config-directory.ts'
import { type ConfigText, readConfig } from '../config/config-file.ts'
import { configDirectory } from '../config/config-place.ts'
import { readDocuments } from '../config/documents.ts'
import { UsageError } from '../core/errors.ts'
import type { SampleFilter } from '../core/sample-filter.ts'
import type { Milliseconds } from '../core/units.ts'
import { checkEventName } from '../sampler/events.ts'
import type { Log } from './log.ts'
import type { ParsedOptions } from './options.ts'
import type { RunConfig, RunSettings } from './run-settings.ts'
import type { Senders } from './senders.ts'
import { WatchedCollections } from './watched-collections.ts'

/** The directory that was named, or is where one usually is; undefined: there is none. */
export async function watchedCollections(
  options: ParsedOptions,
  log: Log,
  onAgentConfig: (config: ConfigText) => Promise<void>,
): Promise<WatchedCollections | undefined> {
  const path = configDirectory(options.value('config-fs-path'), options.value('config'))
  if (path === undefined) return undefined
  // Which consumers there are shows when their configuration is read: who names others cannot be started, and hears it then.
  const catalog = { checkEvent: checkEventName, consumerNames: undefined }
  return await WatchedCollections.open({
    path,
    directory: new ConfigDirectory({
      directory: path,
      read: (text, file) => readDocuments(text, file, catalog),
      clock: systemClock,
      log: log.write,
    }),
    onAgentConfig: (document) => onAgentConfig(document ?? readConfig()),
    log: log.write,
  })
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
const SAID_BY_COLLECTIONS = ['events', 'frequency', 'period', 'window', 'maxStack']

/** What options and variables say in vain beside a directory, in words. */
export const idleSettings = (
  { said }: Pick<RunSettings, 'said'>,
  watched: Pick<WatchedCollections, 'path'> | undefined,
): readonly string[] =>
  said
    .filter(
      ({ setting: { consumer, keys } }) =>
        watched !== undefined &&
        consumer === undefined &&
        keys[0] === 'sampler' &&
        SAID_BY_COLLECTIONS.includes(keys[1] ?? ''),
    )
    .map(
      ({ name }) =>
        `${name} changes nothing: what is sampled is said by the configurations in ${watched?.path}`,
    )

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
