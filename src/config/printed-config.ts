// The configuration that holds, as a document that says of each value where it comes from.

import { stringify } from 'yaml'
import type { Environment } from '../core/setting-facts.ts'
import type { Overlay } from './overlay.ts'
import { REDACTED, type Said, withoutPasswords } from './setting-values.ts'
import type { Setting } from './settings.ts'

export interface PrintRequest {
  readonly overlay: Overlay
  readonly settings: readonly Setting[]
  /** What standard variables are read from: without those that something nearer overrules. */
  readonly environment: Environment
  /** How the file is called; undefined: it is Sonde's own, whose values are its defaults. */
  readonly file: string | undefined
  /** Consumers beside those of the document, and the variable that asks for each. */
  readonly askedBy: ReadonlyMap<string, string>
  /** Elements of lists beside those of the document, by field. */
  readonly added: ReadonlyMap<string, Added>
}

export interface Added {
  readonly values: readonly unknown[]
  readonly origin: string
}

/** A configuration file as good as any, but for values that are secrets. */
export function printedConfig(request: PrintRequest): string {
  const { overlay, settings, askedBy } = request
  const written = settings.filter(
    ({ consumer, keys }) =>
      consumer !== undefined && keys.length === 0 && overlay.valueAt({ consumer, keys }) !== undefined,
  )
  const types = written
    .flatMap(({ consumer }) => consumer ?? [])
    .sort((one, two) => indexOf(overlay, one) - indexOf(overlay, two))
  return [
    'apiVersion: sonde/v1',
    'kind: AgentConfig',
    'spec:',
    ...nested(linesOf(request, undefined), '  '),
    '  consumers:',
    ...types.flatMap((type) =>
      consumerLines(request, type, originText(request, { consumer: type, keys: [] })),
    ),
    ...[...askedBy].flatMap(([type, name]) => consumerLines(request, type, `environment ${name}`)),
    '',
  ].join('\n')
}

const indexOf = (overlay: Overlay, consumer: string): number =>
  Number(overlay.pathOf({ consumer, keys: [] })[2])

function consumerLines(request: PrintRequest, type: string, origin: string): readonly string[] {
  return [`    - type: ${type}  # ${origin}`, ...nested(linesOf(request, type), '      ')]
}

/** A value, and where it comes from. */
interface Line {
  readonly keys: readonly string[]
  readonly value: unknown
  readonly origin: string
}

const linesOf = (request: PrintRequest, consumer: string | undefined): readonly Line[] =>
  request.settings
    .filter((setting) => setting.consumer === consumer && setting.keys.length > 0)
    .flatMap((setting) => shown(setting, effective(request, setting)))

function effective(request: PrintRequest, setting: Setting): readonly Line[] {
  const { overlay, environment, added, settings } = request
  const written = overlay.valueAt(setting)
  const standard = setting.facts.standard?.read(environment, written)
  if (setting.form === 'map') return mapLines(request, setting, standard)
  const { keys } = setting
  if (standard !== undefined) return [{ keys, value: standard.value, origin: `environment ${standard.name}` }]
  if (isSplit(setting, settings) && (written === undefined || isSection(written))) return []
  const value = written ?? defaultIn(request, setting)
  if (value === undefined) return []
  const origin = written === undefined ? 'default' : originText(request, setting)
  const more = added.get(setting.field)
  if (more === undefined || !Array.isArray(value)) return [{ keys, value, origin }]
  const origins = value.length === 0 ? more.origin : `${origin}, ${more.origin}`
  return [{ keys, value: [...value, ...more.values], origin: origins }]
}

/** Each entry may come from elsewhere. */
function mapLines(
  request: PrintRequest,
  setting: Setting,
  standard: { readonly name: string; readonly value: unknown } | undefined,
): readonly Line[] {
  const { keys, consumer } = setting
  const written = request.overlay.valueAt(setting)
  const own = Object.entries(isSection(written) ? written : {}).map(([key, value]): Line => {
    const entry = { consumer, keys: [...keys, key] }
    return { keys: entry.keys, value, origin: originText(request, entry) }
  })
  const said = Object.entries(isSection(standard?.value) ? standard.value : {}).map(
    ([key, value]): Line => ({ keys: [...keys, key], value, origin: `environment ${standard?.name}` }),
  )
  const isSaid = ({ keys: path }: Line): boolean => said.some((line) => line.keys.at(-1) === path.at(-1))
  const lines = [...own.filter((line) => !isSaid(line)), ...said]
  if (lines.length > 0) return lines
  const origin = written === undefined ? 'default' : originText(request, setting)
  return [{ keys, value: {}, origin }]
}

/** Where nothing that it belongs to, or that stands instead of it, says otherwise. */
function defaultIn({ overlay }: PrintRequest, setting: Setting): unknown {
  const { consumer, keys, optionalSection, facts } = setting
  const around = { consumer, keys: keys.slice(0, -1) }
  const isOff = around.keys.length > 0 && !isSection(overlay.valueAt(around) ?? {})
  const isAbsent =
    optionalSection !== undefined && overlay.valueAt({ consumer, keys: optionalSection }) === undefined
  const isReplaced = (facts.insteadOf ?? []).some(
    (key) => overlay.valueAt({ consumer, keys: [...around.keys, key] }) !== undefined,
  )
  return isOff || isAbsent || isReplaced ? undefined : setting.otherwise
}

/** Whether its fields are settings of their own. */
const isSplit = ({ field }: Setting, settings: readonly Setting[]): boolean =>
  settings.some((other) => other.field.startsWith(`${field}.`))

function originText({ overlay, file }: PrintRequest, field: Pick<Setting, 'consumer' | 'keys'>): string {
  const said = overlay.originOf(field)
  if (said !== undefined) return nameOf(said)
  if (file === undefined) return 'default'
  return `file ${file}:${overlay.placeOf(overlay.pathOf(field)).line}`
}

const nameOf = ({ from, name }: Said): string => `${from === 'option' ? 'flag' : 'environment'} ${name}`

const shown = ({ facts }: Setting, lines: readonly Line[]): readonly Line[] =>
  lines.map((line) => ({ ...line, value: cleaned(line.value, facts.secret === true) }))

function cleaned(value: unknown, isSecret: boolean): unknown {
  if (typeof value === 'string') return isSecret ? REDACTED : withoutPasswords(value)
  if (Array.isArray(value)) return value.map((element) => cleaned(element, isSecret))
  if (!isSection(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, cleaned(inner, isSecret)]))
}

const isSection = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Sections stand where the first of their fields does. */
function nested(lines: readonly Line[], indent: string): readonly string[] {
  const names = [...new Set(lines.map(({ keys }) => keys[0] ?? ''))]
  return names.flatMap((name) => {
    const own = lines.filter(({ keys }) => keys[0] === name)
    const [leaf] = own
    if (leaf?.keys.length === 1) return [`${indent}${flow(name)}: ${flow(leaf.value)}  # ${leaf.origin}`]
    const inner = own.map((line) => ({ ...line, keys: line.keys.slice(1) }))
    return [`${indent}${flow(name)}:`, ...nested(inner, `${indent}  `)]
  })
}

/** On one line. */
const flow = (value: unknown): string =>
  stringify(value, {
    lineWidth: 0,
    blockQuote: false,
    collectionStyle: 'flow',
    flowCollectionPadding: false,
  }).trimEnd()
