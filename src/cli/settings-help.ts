// Every setting of sonde run in its three spellings, for help and for docs/options.md.

import { type Setting, settingsOf } from '../config/settings.ts'
import type { Option } from './options.ts'
import { catalogOf, withVariablesOnly } from './run-settings.ts'
import { variableOf } from './setting-options.ts'

/** One setting in words. */
export interface SettingWords {
  /** As in a configuration; of an option that is no setting of one, undefined. */
  readonly field: string | undefined
  readonly option: string
  readonly variable: string
  /** As an option and a variable write it. */
  readonly form: string
  /** As a document writes it. */
  readonly otherwise: string | undefined
  readonly meaning: string
  /** Variables of the field's own standard. */
  readonly standard: readonly string[]
}

const FORMS: Readonly<Record<Setting['form'], string>> = {
  switch: '=true or =false',
  text: '',
  number: '',
  list: 'a,b',
  map: 'key=value,key=value',
  yaml: 'YAML',
}

/** The command's own first, then those of the configuration in its order. */
export async function settingWords(listed: readonly Option[]): Promise<readonly SettingWords[]> {
  const settings = settingsOf(await catalogOf())
  const own = withVariablesOnly(listed, settings).map(
    ({ long, help }): SettingWords => ({
      field: undefined,
      option: `--${long}`,
      variable: variableOf(long),
      form: '',
      otherwise: undefined,
      meaning: help,
      standard: [],
    }),
  )
  return [
    ...own,
    ...settings.map(
      ({ field, option, variable, form, otherwise, meaning, facts }): SettingWords => ({
        field,
        option: `--${option}`,
        variable,
        form: FORMS[form],
        otherwise: otherwise === undefined ? undefined : plain(otherwise),
        meaning,
        standard: facts.standard?.names ?? [],
      }),
    ),
  ]
}

function plain(value: unknown): string {
  if (Array.isArray(value)) return `[${value.join(', ')}]`
  return typeof value === 'object' ? '{}' : String(value)
}

/** What `sonde run --help=all` shows. */
export async function settingsHelp(listed: readonly Option[]): Promise<string> {
  const blocks = (await settingWords(listed)).map((words) => {
    const { field, option, variable, form, otherwise, meaning, standard } = words
    const spelled = [
      `${option}${form === '' ? '' : ` (${form})`}`,
      variable,
      ...(field === undefined ? [] : [field]),
    ]
    return [
      spelled.join('   '),
      `    ${meaning}${otherwise === undefined ? '' : ` (default ${otherwise})`}`,
      ...(standard.length === 0 ? [] : [`    Standard: ${standard.join(', ')}`]),
    ].join('\n')
  })
  return `Option, variable, and field of a configuration, of every setting of sonde run:\n\n${blocks.join('\n\n')}\n`
}
