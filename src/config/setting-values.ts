// What an option or a variable says, as the value that a document would have.

import { parseDocument } from 'yaml'
import { UsageError } from '../core/errors.ts'
import { keyValuesIn } from '../core/key-values.ts'
import type { Setting } from './settings.ts'

/** A setting that an option or a variable says. */
export interface Said {
  readonly setting: Setting
  readonly from: 'environment' | 'option'
  /** As it was spelled: `--perf-data-mode`, `SONDE_PERF_DATA_MODE`. */
  readonly name: string
  /** Of a list or a map several; else one. */
  readonly texts: readonly string[]
}

/** `--sampler-window 1s`, `SONDE_SAMPLER_WINDOW=1s`; without a value that may be a secret. */
export function saidText({ setting, from, name, texts }: Said): string {
  if (setting.facts.secret === true) return name
  const text = withoutPasswords(texts.join(','))
  if (from === 'environment') return `${name}=${text}`
  return setting.form === 'switch' ? `${name}=${text}` : `${name} ${text}`
}

export const REDACTED = '(redacted)'

/** `http://user:password@host`, and `user:password@host`, without what stands before the host. */
export const withoutPasswords = (text: string): string =>
  text
    .replaceAll(/(\b[a-z][a-z0-9+.-]*:\/\/)[^/?#\s]*@/gi, `$1${REDACTED}@`)
    .replace(/^[^\s/:@]+:[^\s/@]+@/, `${REDACTED}@`)

/**
 * What does not have the form is handed on as it is: the schema says what it expects.
 * @throws UsageError where it is no YAML
 */
export function saidValue(said: Said): unknown {
  const { setting, texts } = said
  const text = texts.at(-1) ?? ''
  switch (setting.form) {
    case 'switch':
      return switchOf(text)
    case 'text':
      return text
    case 'number':
      return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text
    case 'list':
      return texts.flatMap((each) => (startsWith('[', each) ? yamlOf(said, each) : partsOf(said, each)))
    case 'map':
      return mapOf(said)
    case 'yaml':
      return yamlOf(said, text)
  }
}

const startsWith = (bracket: string, text: string): boolean => text.trimStart().startsWith(bracket)

function switchOf(text: string): unknown {
  if (['true', '1'].includes(text.toLowerCase())) return true
  return ['false', '0'].includes(text.toLowerCase()) ? false : text
}

const partsOf = ({ setting }: Said, text: string): readonly string[] =>
  (setting.facts.partsOf?.(text) ?? text.split(',')).map((part) => part.trim()).filter((part) => part !== '')

function mapOf(said: Said): unknown {
  const maps = said.texts.map((text) => {
    if (startsWith('{', text)) return yamlOf(said, text)
    const { values, malformed } = keyValuesIn(text)
    if (malformed === 0) return values
    throw new UsageError(
      `${saidText(said)}: expected key=value pairs with commas between, each percent-encoded, or a map of YAML: {key: value}`,
    )
  })
  return Object.assign({}, ...maps)
}

function yamlOf(said: Said, text: string): unknown {
  const document = parseDocument(text, { prettyErrors: false, uniqueKeys: true, logLevel: 'error' })
  const [error] = document.errors
  if (error !== undefined) throw noYaml(said, error)
  try {
    return document.toJS({ maxAliasCount: 100 })
  } catch (thrown) {
    // Of aliases that are too many, or lead nowhere.
    if (thrown instanceof ReferenceError) throw noYaml(said, thrown)
    throw thrown
  }
}

/** A parser's message may repeat the text. */
function noYaml(said: Said, error: Error): UsageError {
  const why = said.setting.facts.secret === true ? '' : `: ${error.message.replaceAll('\n', ' ')}`
  return new UsageError(`${saidText(said)}: cannot be read as YAML${why}`)
}
