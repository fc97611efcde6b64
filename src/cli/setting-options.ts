// The options of settings, and what they and the variables say.

import type { Said } from '../config/setting-values.ts'
import type { Setting } from '../config/settings.ts'
import type { Environment } from '../core/setting-facts.ts'
import type { Option, ParsedOptions } from './options.ts'

/** Shorter spellings, which have stood there longer. */
const SHORT: Readonly<Record<string, string>> = { 'lock-down': 'sampler-lock-down' }

const VALUE_NAMES: Readonly<Record<Exclude<Setting['form'], 'switch'>, string>> = {
  text: 'VALUE',
  number: 'NUMBER',
  list: 'A,B',
  map: 'KEY=VALUE',
  yaml: 'YAML',
}

export function optionOf({ option, form, meaning }: Setting): Option {
  if (form === 'switch') return { long: option, toggle: true, help: meaning }
  const multiple = form === 'list' || form === 'map'
  return { long: option, value: VALUE_NAMES[form], multiple, help: meaning }
}

/** What the variables say, then what the options do. An empty variable says nothing. */
export function saidBy(
  settings: readonly Setting[],
  options: ParsedOptions,
  environment: Environment,
): readonly Said[] {
  const byVariable = settings.flatMap((setting): readonly Said[] => {
    const text = environment[setting.variable] ?? ''
    if (text.trim() === '') return []
    return [{ setting, from: 'environment', name: setting.variable, texts: [text.trim()] }]
  })
  const byOption = settings.flatMap((setting): readonly Said[] =>
    spellingsOf(setting)
      .filter((option) => options.has(option))
      .map((option) => {
        // The older ones are flags without a value.
        const given = options.values(option)
        const texts = setting.form === 'switch' ? [given.at(-1) || 'true'] : given
        return { setting, from: 'option', name: `--${option}`, texts }
      }),
  )
  return [...byVariable, ...byOption]
}

/** The last one counts. */
const spellingsOf = ({ option }: Setting): readonly string[] => [
  ...Object.keys(SHORT).filter((short) => SHORT[short] === option),
  option,
]

/** Of an option that is no setting of a configuration. */
export const variableOf = (long: string): string => `SONDE_${long.replaceAll('-', '_').toUpperCase()}`

/** The options, and where they are not given what their variables say. */
export function withVariables(
  options: ParsedOptions,
  own: readonly Option[],
  environment: Environment,
): ParsedOptions {
  const said = new Map<string, string>()
  for (const { long } of own) {
    const text = environment[variableOf(long)]?.trim() ?? ''
    if (text !== '' && !options.has(long)) said.set(long, text)
  }
  return {
    has: (long) => said.has(long) || options.has(long),
    value: (long) => said.get(long) ?? options.value(long),
    values: (long) => (said.has(long) ? [said.get(long) ?? ''] : options.values(long)),
    nameOf: (long) => (said.has(long) ? variableOf(long) : options.nameOf(long)),
    positionals: options.positionals,
    inOrder: options.inOrder,
  }
}
