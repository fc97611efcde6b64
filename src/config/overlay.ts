// A document as variables and options change it, before its schemas look at it: they check all, wherever it was said.

import { UsageError } from '../core/errors.ts'
import type { Environment } from '../core/setting-facts.ts'
import { type Said, saidText, saidValue } from './setting-values.ts'
import { fieldOf, type Setting } from './settings.ts'
import type { Path, Place, Speaker, YamlDocument } from './yaml-document.ts'

export interface OverlayRequest {
  readonly settings: readonly Setting[]
  readonly said: readonly Said[]
  /** For standard variables beside what is said. */
  readonly environment: Environment
}

type Section = Record<string, unknown>
type Field = Pick<Setting, 'consumer' | 'keys'>

/** The nearer says it later. */
const RANKS = ['environment', 'option'] as const

export class Overlay implements YamlDocument {
  readonly value: unknown
  readonly #source: YamlDocument
  readonly #request: OverlayRequest
  readonly #origins = new Map<string, Said>()
  readonly #off = new Set<string>()
  readonly #overruled = new Set<string>()
  readonly #notices: string[] = []
  /** Where each consumer stands in the source; undefined: it does not. */
  #sourceIndexes: readonly (number | undefined)[] = []

  /** @throws UsageError for what no schema can judge */
  constructor(source: YamlDocument, request: OverlayRequest) {
    this.#source = source
    this.#request = request
    this.value = unshared(source.value)
    this.#sourceIndexes = this.#consumers().map((_, index) => index)
    for (const rank of RANKS) this.#apply(request.said.filter(({ from }) => from === rank))
    this.#removeConsumers()
  }

  get file(): string {
    return this.#source.file
  }

  get number(): number | undefined {
    return this.#source.number
  }

  get text(): string {
    return this.#source.text
  }

  get start(): Place {
    return this.#source.start
  }

  /** Consumers that are not wanted, whoever else asks for them. */
  get switchedOff(): readonly string[] {
    return [...this.#off]
  }

  /** Standard variables whose field is said by something nearer. */
  get overruled(): readonly string[] {
    return [...this.#overruled]
  }

  get notices(): readonly string[] {
    return this.#notices
  }

  placeOf(path: Path): Place {
    return this.#source.placeOf(this.pathInFile(path))
  }

  placeOfKey(path: Path, key: string): Place {
    return this.#source.placeOfKey(this.pathInFile(path), key)
  }

  pathInFile(path: Path): Path {
    const [spec, list, index, ...rest] = path
    if (spec !== 'spec' || list !== 'consumers' || typeof index !== 'number') return path
    const sourceIndex = this.#sourceIndexes[index]
    return sourceIndex === undefined ? [spec, list] : [spec, list, sourceIndex, ...rest]
  }

  saidBy(path: Path): Speaker | undefined {
    const field = this.#fieldAt(path)
    const origin = this.#originAt(field)
    if (origin === undefined) return undefined
    const deeper = field.keys.length - origin.depth
    return { text: saidText(origin.said), within: deeper === 0 ? [] : path.slice(-deeper) }
  }

  valueAt({ consumer, keys }: Field): unknown {
    return keys.reduce<unknown>(
      (section, key) => (isSection(section) ? section[key] : undefined),
      this.#rootOf(consumer),
    )
  }

  /** What says the value, or one around it; undefined: the file, where it is not the default. */
  originOf(field: Field): Said | undefined {
    return this.#originAt(field)?.said
  }

  /** In the document that this is. */
  pathOf({ consumer, keys }: Field): Path {
    if (consumer === undefined) return ['spec', ...keys]
    return ['spec', 'consumers', this.#consumers().findIndex((each) => typeOf(each) === consumer), ...keys]
  }

  #apply(said: readonly Said[]): void {
    const switches = said.filter(({ setting }) => isConsumer(setting))
    const fields = said.filter(({ setting }) => !isConsumer(setting))
    const off = switches.filter((each) => !this.#isOn(each)).map(({ setting }) => setting.consumer)
    for (const each of said) {
      const { consumer } = each.setting
      if (consumer === undefined || off.includes(consumer)) continue
      this.#off.delete(consumer)
      this.#addConsumer(consumer, each)
    }
    for (const consumer of off) if (consumer !== undefined) this.#off.add(consumer)
    checkContradiction(switches, fields, off)
    for (const each of fields) this.#displace(each)
    for (const each of fields) this.#put(each)
  }

  #isOn(said: Said): boolean {
    const value = saidValue(said)
    if (typeof value === 'boolean') return value
    throw new UsageError(`${saidText(said)}: expected true or false.`)
  }

  /** What does not hold beside it, of files and of what is farther. */
  #displace(said: Said): void {
    const { setting } = said
    for (const sibling of setting.facts.insteadOf ?? []) {
      this.#remove(beside(setting, sibling))
      this.#overrule(this.#request.settings.find(({ field }) => field === fieldOf(beside(setting, sibling))))
    }
    if (!this.#leadsElsewhere(said)) return
    const key = setting.keys.at(-1)
    for (const sent of this.#request.settings.filter(({ facts }) => facts.sentTo === key)) {
      if (!areBeside(setting, sent) || this.valueAt(sent) === undefined) continue
      if (!this.#removeSent(sent, this.#originAt(setting) === undefined ? 'file' : 'all')) continue
      this.#notices.push(
        `${saidText(said)}: ${sent.field} is left out: it was meant for another ${key}, which this replaces`,
      )
    }
  }

  /** Those of the file stand for its endpoint, whoever else says some beside them. Whether there were any. */
  #removeSent(sent: Setting, whose: 'file' | 'all'): boolean {
    const value = this.valueAt(sent)
    const fields: readonly Field[] = isSection(value)
      ? Object.keys(value).map((entry) => ({ consumer: sent.consumer, keys: [...sent.keys, entry] }))
      : [sent]
    const theirs = fields.filter((field) => whose === 'all' || this.#originAt(field) === undefined)
    for (const field of theirs) this.#remove(field)
    return theirs.length > 0
  }

  #leadsElsewhere(said: Said): boolean {
    const [before, now] = [this.valueAt(said.setting), saidValue(said)]
    return typeof before === 'string' && typeof now === 'string' && originIn(before) !== originIn(now)
  }

  #remove(field: Field): void {
    const parent = this.#parentOf(field)
    if (parent !== undefined) delete parent[lastOf(field)]
    const prefix = fieldOf(field)
    for (const name of this.#origins.keys())
      if (name === prefix || name.startsWith(`${prefix}.`)) this.#origins.delete(name)
  }

  #overrule(setting: Setting | undefined): void {
    for (const name of setting?.facts.standard?.names ?? []) this.#overruled.add(name)
  }

  #put(said: Said): void {
    const { setting } = said
    if (setting.form === 'map') this.#putStandard(setting)
    this.#overrule(setting)
    this.#putValue(said, saidValue(said))
  }

  #putValue(said: Said, value: unknown): void {
    const { setting } = said
    const parent = this.#parentOf(setting, said)
    if (parent === undefined) return // The schema says what is wrong there.
    const key = lastOf(setting)
    const before = parent[key]
    if (setting.form === 'map' && isSection(value) && (before === undefined || isSection(before))) {
      parent[key] = { ...before, ...value }
      for (const entry of Object.keys(value)) this.#origins.set(`${setting.field}.${entry}`, said)
      return
    }
    parent[key] = value
    this.#origins.set(setting.field, said)
  }

  /** Of a map, one place may say some keys, and another others. */
  #putStandard(setting: Setting): void {
    const { standard } = setting.facts
    const found = standard?.read(this.#request.environment, this.valueAt(setting))
    if (found === undefined || this.#overruled.has(found.name)) return
    const texts = [this.#request.environment[found.name] ?? '']
    this.#putValue({ setting, from: 'environment', name: found.name, texts }, found.value)
  }

  /**
   * The section that has the field; what is no section, and cannot become one, is left to the schema.
   * @param maker makes it where there is none
   */
  #parentOf({ consumer, keys }: Field, maker?: Said): Section | undefined {
    let section = this.#rootOf(consumer)
    for (const [index, key] of keys.slice(0, -1).entries()) {
      if (section !== undefined && maker !== undefined && isReplaceable(section[key])) {
        section[key] = {}
        this.#origins.set(fieldOf({ consumer, keys: keys.slice(0, index + 1) }), maker)
      }
      const inner = section?.[key]
      section = isSection(inner) ? inner : undefined
    }
    return section
  }

  #rootOf(consumer: string | undefined): Section | undefined {
    if (consumer === undefined) return this.#spec()
    return this.#consumers().find((section): section is Section => typeOf(section) === consumer)
  }

  #spec(): Section | undefined {
    const spec = isSection(this.value) ? this.value.spec : undefined
    return isSection(spec) ? spec : undefined
  }

  #consumers(): readonly unknown[] {
    const consumers = this.#spec()?.consumers
    return Array.isArray(consumers) ? consumers : []
  }

  #addConsumer(type: string, said: Said): void {
    const spec = this.#spec()
    const hasList = spec?.consumers === undefined || Array.isArray(spec.consumers)
    if (spec === undefined || !hasList || this.#rootOf(type) !== undefined) return
    spec.consumers = [...this.#consumers(), { type }]
    this.#sourceIndexes = [...this.#sourceIndexes, undefined]
    this.#origins.set(fieldOf({ consumer: type, keys: [] }), said)
  }

  #removeConsumers(): void {
    const spec = this.#spec()
    const consumers = this.#consumers()
    if (spec === undefined || this.#off.size === 0 || consumers.length === 0) return
    const stays = (section: unknown): boolean => !this.#off.has(typeOf(section) ?? '')
    this.#sourceIndexes = this.#sourceIndexes.filter((_, index) => stays(consumers[index]))
    spec.consumers = consumers.filter(stays)
  }

  /** `depth`: how many of the keys lead to it. */
  #originAt({ consumer, keys }: Field): { readonly said: Said; readonly depth: number } | undefined {
    for (let depth = keys.length; depth >= 0; depth--) {
      const said = this.#origins.get(fieldOf({ consumer, keys: keys.slice(0, depth) }))
      if (said !== undefined) return { said, depth }
    }
    return undefined
  }

  #fieldAt(path: Path): Field {
    const [, list, index, ...rest] = path
    if (list !== 'consumers' || typeof index !== 'number')
      return { consumer: undefined, keys: path.slice(1).map(String) }
    return { consumer: typeOf(this.#consumers()[index]), keys: rest.map(String) }
  }
}

/** An alias of YAML is the same object as its anchor: a change of one must not change the other. */
function unshared(value: unknown, around: readonly unknown[] = []): unknown {
  if (around.includes(value)) return value // It contains itself: no schema takes it.
  if (Array.isArray(value)) return value.map((element) => unshared(element, [...around, value]))
  if (!isSection(value)) return value
  const entries = Object.entries(value)
  return Object.fromEntries(entries.map(([key, inner]) => [key, unshared(inner, [...around, value])]))
}

/** Both on the command line: one of them is a mistake. */
function checkContradiction(
  switches: readonly Said[],
  fields: readonly Said[],
  off: readonly (string | undefined)[],
): void {
  const field = fields.find(({ setting, from }) => from === 'option' && off.includes(setting.consumer))
  const other = switches.find(({ setting }) => setting.consumer === field?.setting.consumer)
  if (field !== undefined && other !== undefined && field.setting.consumer !== undefined)
    throw new UsageError(`${saidText(other)} and ${field.name} contradict each other.`)
}

const isSection = (value: unknown): value is Section =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Nothing, or a word such as `off`, for which a section may stand. */
const isReplaceable = (value: unknown): boolean =>
  value === undefined || typeof value === 'string' || typeof value === 'boolean'

const isConsumer = ({ consumer, keys }: Setting): boolean => consumer !== undefined && keys.length === 0

const typeOf = (section: unknown): string | undefined =>
  isSection(section) && typeof section.type === 'string' ? section.type : undefined

const lastOf = ({ keys }: Field): string => keys.at(-1) ?? ''

const beside = ({ consumer, keys }: Field, key: string): Field => ({
  consumer,
  keys: [...keys.slice(0, -1), key],
})

const areBeside = (one: Field, other: Field): boolean =>
  fieldOf(beside(one, '')) === fieldOf(beside(other, ''))

/** Of a URL, or of host:port. */
const originIn = (text: string): string | undefined =>
  URL.parse(text.includes('://') ? text : `https://${text}`)?.origin
