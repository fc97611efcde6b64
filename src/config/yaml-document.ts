// YAML with the place of everything in it, so that a message can point at the line.

import { isMap, isNode, isPair, LineCounter, type Node, parseDocument } from 'yaml'
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

/** @throws AgentError `CONFIG.INVALID`: `file:line:column: what is wrong`, a line per problem */
export function readYaml(text: string, file: string): YamlDocument {
  const lineCounter = new LineCounter()
  const document = parseDocument(text, { lineCounter, prettyErrors: false, uniqueKeys: true })
  const at = (offset: number): Place => {
    const { line, col } = lineCounter.linePos(offset)
    return { line, column: col }
  }
  if (document.errors.length > 0) {
    const problems = document.errors.map((error) => problemAt(file, at(error.pos[0]), inWords(error.message)))
    throw new AgentError('CONFIG.INVALID', problems.join('\n'))
  }
  const offsetOf = (node: unknown): number => (isNode(node) ? (node.range?.[0] ?? 0) : 0)
  return {
    file,
    value: document.toJS({ maxAliasCount: 100 }) as unknown,
    placeOf: (path) => at(offsetOf(nearestNode(document.contents, path))),
    placeOfKey: (path, key) => at(offsetOf(keyNode(nearestNode(document.contents, path), key))),
  }
}

export const problemAt = (file: string, place: Place, problem: string): string =>
  `${file}:${place.line}:${place.column}: ${problem}`

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

const inWords = (message: string): string =>
  message === 'Map keys must be unique' ? 'this key stands here twice' : message.replaceAll('\n', ' ')
