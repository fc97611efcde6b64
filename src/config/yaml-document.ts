// YAML (and so JSON) with the place of everything in it, so that a message can point at the line.

import {
  type Document,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
  type YAMLMap,
} from 'yaml'
import { AgentError } from '../core/errors.ts'

export type Path = readonly (string | number)[]

export interface Place {
  readonly line: number
  readonly column: number
}

export interface Speaker {
  /** `--sampler-window 1s` */
  readonly text: string
  /** From what it says to the path that was asked for. */
  readonly within: Path
}

export interface YamlDocument {
  readonly file: string
  /** Counts from 1; undefined where the file has no other. */
  readonly number: number | undefined
  /** Of this document alone. */
  readonly text: string
  /** Where it begins. */
  readonly start: Place
  readonly value: unknown
  /** Where the value stands; where it is missing, the nearest thing around it. */
  placeOf(path: Path): Place
  /** Where the key itself stands. */
  placeOfKey(path: Path, key: string): Place
  /** Where the value stands in the file. Absent: there. */
  pathInFile?(path: Path): Path
  /** What says the value instead of the file. Absent: nothing does. */
  saidBy?(path: Path): Speaker | undefined
}

/** A document as far as it could be understood, and what is wrong with its YAML: `file:line:column: …`, a line each. */
export interface YamlReading {
  readonly document: YamlDocument
  readonly problems: readonly string[]
}

/** @throws AgentError `CONFIG.INVALID`: `file:line:column: what is wrong`, a line per problem */
export function readYaml(text: string, file: string): YamlDocument {
  const [reading, second] = readYamlDocuments(text, file)
  if (reading === undefined) return NOTHING(file)
  const problems =
    second === undefined
      ? reading.problems
      : [
          problemAt(
            { file, number: undefined },
            second.document.start,
            'one document is expected, not several',
          ),
        ]
  if (problems.length > 0) throw new AgentError('CONFIG.INVALID', problems.join('\n'))
  return reading.document
}

const NOTHING = (file: string): YamlDocument => {
  const start = { line: 1, column: 1 }
  return {
    file,
    number: undefined,
    text: '',
    start,
    value: null,
    placeOf: () => start,
    placeOfKey: () => start,
  }
}

/** In their order; none of an empty file. Never throws for what the text says. */
export function readYamlDocuments(text: string, file: string): readonly YamlReading[] {
  const lineCounter = new LineCounter()
  const documents = [
    // Keys are compared below: the parser would compare each with each.
    ...parseAllDocuments(text, { lineCounter, prettyErrors: false, uniqueKeys: false, logLevel: 'error' }),
  ]
  const at = (offset: number): Place => {
    const { line, col } = lineCounter.linePos(offset)
    return { line, column: col }
  }
  return documents.map((document, index) => {
    const number = documents.length > 1 ? index + 1 : undefined
    const from = document.range[0]
    const source = text.slice(index === 0 ? 0 : from, documents[index + 1]?.range[0])
    return readingOf(document, { file, number, text: source, at })
  })
}

interface Surroundings {
  readonly file: string
  readonly number: number | undefined
  readonly text: string
  readonly at: (offset: number) => Place
}

function readingOf(document: Document.Parsed, { file, number, text, at }: Surroundings): YamlReading {
  const faults = [
    ...[...document.errors, ...document.warnings].map(({ pos, message }) => ({
      offset: pos[0],
      message: inWords(message),
    })),
    ...keyFaults(document.contents),
  ]
  const { value, fault } = understood(document, faults.length > 0)
  if (fault !== undefined) faults.push({ offset: offsetOf(document.contents), message: fault })
  return {
    document: {
      file,
      number,
      text,
      start: at(offsetOf(document.contents)),
      value,
      placeOf: (path) => at(offsetOf(nearestNode(document.contents, path))),
      placeOfKey: (path, key) => at(offsetOf(keyNode(nearestNode(document.contents, path), key))),
    },
    problems: firstOf(faults).map(({ offset, message }) => problemAt({ file, number }, at(offset), message)),
  }
}

/** More are one mistake's echoes. */
const MAX_FAULTS = 20
const firstOf = <Item>(items: readonly Item[]): readonly Item[] => items.slice(0, MAX_FAULTS)

interface Fault {
  readonly offset: number
  readonly message: string
}

/** @param isFaulty then nothing is lost where there is no value */
function understood(
  document: Document.Parsed,
  isFaulty: boolean,
): { readonly value?: unknown; readonly fault?: string } {
  // Of a document with faults only what stands at its top can be of use.
  if (isFaulty) return { value: topOf(document.contents) }
  try {
    return { value: document.toJS({ maxAliasCount: MAX_ALIASES }) as unknown }
  } catch (error) {
    // The package says so of aliases that are too many or lead nowhere.
    if (error instanceof ReferenceError) return { fault: error.message }
    throw error
  }
}

const MAX_ALIASES = 100

/** The texts in a mapping and in the mappings in it: enough to tell who it is. */
function topOf(node: unknown, depth = 0): unknown {
  if (isScalar(node)) return node.value
  if (!isMap(node) || depth > 1) return undefined
  return Object.fromEntries(
    node.items
      .filter(({ key }) => isScalar(key))
      .map(({ key, value }) => [String(key), topOf(value, depth + 1)]),
  )
}

/** Keys that are no texts, or stand there twice. */
function keyFaults(node: unknown): readonly Fault[] {
  if (isSeq(node)) return node.items.flatMap(keyFaults)
  return isMap(node) ? [...ownKeyFaults(node), ...node.items.flatMap(({ value }) => keyFaults(value))] : []
}

function ownKeyFaults(map: YAMLMap): readonly Fault[] {
  const seen = new Set<string>()
  const faults: Fault[] = []
  for (const { key } of map.items) {
    if (!isScalar(key)) faults.push({ offset: offsetOf(key), message: 'a key has to be a text' })
    else if (seen.has(String(key)))
      faults.push({ offset: offsetOf(key), message: 'this key stands here twice' })
    else seen.add(String(key))
  }
  return faults
}

/** `file:line:column: …`, with the document where there are several. */
export function problemAt(
  { file, number }: Pick<YamlDocument, 'file' | 'number'>,
  place: Place,
  problem: string,
): string {
  const which = number === undefined ? '' : `document ${number}: `
  return `${file}:${place.line}:${place.column}: ${which}${problem}`
}

const offsetOf = (node: unknown): number => (isNode(node) ? (node.range?.[0] ?? 0) : 0)

function nearestNode(root: Node | null, path: Path): Node | null {
  let node = root
  for (const step of path) {
    const next: unknown = isNode(node) && 'get' in node ? (node as GettableNode).get(step, true) : undefined
    if (!isNode(next)) return node
    node = next
  }
  return node
}

type GettableNode = Node & { get(key: string | number, keepScalar: true): unknown }

function keyNode(node: Node | null, key: string): unknown {
  const pair = isMap(node) ? node.items.find((item) => isPair(item) && String(item.key) === key) : undefined
  return pair?.key ?? node
}

const inWords = (message: string): string => message.replaceAll('\n', ' ')
