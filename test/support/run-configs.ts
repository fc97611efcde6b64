// Configurations as sonde run makes them of a file, options and variables, without running it.

import { type Option, parseOptions } from '../../src/cli/options.ts'
import { optionOf, saidBy } from '../../src/cli/setting-options.ts'
import { type EffectiveConfig, effectiveConfig } from '../../src/config/effective-config.ts'
import { printedConfig } from '../../src/config/printed-config.ts'
import { type Setting, settingsOf } from '../../src/config/settings.ts'
import { loadConsumers } from '../../src/consumers/catalog.ts'
import type { Consumer } from '../../src/core/consumer.ts'
import type { ConsumerContext } from '../../src/core/consumer-context.ts'
import { checkEventName } from '../../src/sampler/events/choose.ts'

export const catalog = { consumers: await loadConsumers(), checkEvent: checkEventName }
export const settings: readonly Setting[] = settingsOf(catalog)

export const FILE = 'agent.yaml'

/** Lines of `spec`. */
export const document = (...lines: readonly string[]): string =>
  ['apiVersion: sonde/v1', 'kind: AgentConfig', 'spec:', ...lines.map((line) => `  ${line}`), ''].join('\n')

export interface Told {
  /** As words of the command line. */
  readonly options?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
}

/** `--lock-down`, which is a setting's older spelling. */
const OLDER: readonly Option[] = [{ long: 'lock-down', help: '' }]

export function configOf(
  text: string,
  { options = [], environment = {} }: Told = {},
): EffectiveConfig<Consumer, ConsumerContext> {
  const parsed = parseOptions(options, [...settings.map(optionOf), ...OLDER])
  const said = saidBy(settings, parsed, environment)
  return effectiveConfig({ source: { text, file: FILE }, catalog, settings, said, environment })
}

/** The value that the schemas are given; undefined: nobody says one. */
export function valueIn(field: string, text: string, told: Told = {}): unknown {
  const setting = settings.find((each) => each.field === field)
  if (setting === undefined) throw new Error(`there is no ${field}`)
  return configOf(text, told).overlay.valueAt(setting)
}

export const problemOf = (text: string, told: Told): { readonly code: string; readonly message: string } => {
  try {
    configOf(text, told)
  } catch (error) {
    return error as { code: string; message: string }
  }
  return { code: '', message: '' }
}

export function printed(
  text: string,
  told: Told = {},
  askedBy: ReadonlyMap<string, string> = new Map(),
): string {
  const { overlay, environment } = configOf(text, told)
  return printedConfig({ overlay, settings, environment, file: FILE, askedBy, added: new Map() })
}
