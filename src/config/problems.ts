// What a schema found wrong, in words that point at the line and say what is expected.

import type * as z from 'zod'
import { didYouMean } from '../base/near.ts'
import { type Path, problemAt, type YamlDocument } from './yaml-document.ts'

type Issue = z.core.$ZodIssue

/** A line per problem. `base` is where the section that `schema` describes stands in the document. */
export function problemsOf(
  error: z.ZodError,
  schema: z.ZodType,
  document: YamlDocument,
  base: Path,
): readonly string[] {
  const problems = error.issues.flatMap((issue) => {
    const path = [...base, ...issue.path.map((step) => (typeof step === 'number' ? step : String(step)))]
    if (issue.code === 'unrecognized_keys') {
      const known = keysOf(schemaAt(schema, issue.path))
      return issue.keys.slice(0, UNKNOWN_KEYS_SHOWN).map((key) => {
        const problem = `unknown key${didYouMean(key, known) || `; known are ${known.join(', ')}`}`
        const place = document.placeOfKey(path, key)
        return (
          saidProblem(document, [...path, key], problem) ??
          problemAt(document, place, `${nameInFile(document, [...path, key])}: ${problem}`)
        )
      })
    }
    const keys = keysOf(schemaAt(schema, issue.path))
    const problem = isSectionMissing(issue) ? sectionExpected(issue, keys) : inWords(issue)
    return [fieldProblem(document, path, problem)]
  })
  return [...new Set(problems)]
}

/** Whoever has more has another kind of document. */
const UNKNOWN_KEYS_SHOWN = 20

/** `file:line:column: field: problem`, or `--option value: problem` where an option says the value. */
export const fieldProblem = (document: YamlDocument, path: Path, problem: string): string =>
  saidProblem(document, path, problem) ??
  problemAt(document, document.placeOf(path), `${nameInFile(document, path)}: ${problem}`)

const nameInFile = (document: YamlDocument, path: Path): string =>
  fieldName(document.pathInFile?.(path) ?? path)

function saidProblem(document: YamlDocument, path: Path, problem: string): string | undefined {
  const speaker = document.saidBy?.(path)
  if (speaker === undefined) return undefined
  const { text, within } = speaker
  // An element of a list is seen in the text.
  const isDeeper = within.some((step) => typeof step === 'string')
  return `${text}: ${isDeeper ? `${fieldName(within)}: ` : ''}${problem}`
}

/** `spec.consumers[0].rotation` */
export const fieldName = (path: Path): string =>
  path.reduce<string>(
    (name, step) => (typeof step === 'number' ? `${name}[${step}]` : name === '' ? step : `${name}.${step}`),
    '',
  ) || 'the document'

/** Something else stands, or nothing, where keys and values should. */
const isSectionMissing = (issue: Issue): boolean =>
  issue.code === 'invalid_type' &&
  issue.expected === 'object' &&
  !issue.message.endsWith('received undefined')

function sectionExpected({ message }: Issue, keys: readonly string[]): string {
  const expected = keys.length === 0 ? 'keys and values' : `the keys ${keys.join(', ')}`
  const found = /received (\w+)$/.exec(message)?.[1]
  return found === 'null' ? `is empty; expected ${expected}` : `expected ${expected}, received ${found}`
}

function inWords(issue: Issue): string {
  if (
    issue.code === 'invalid_type' &&
    issue.input === undefined &&
    issue.message.includes('received undefined')
  ) {
    return `is missing; ${expectation(issue.message).replace(/, received undefined$/, '')}`
  }
  if (issue.code === 'invalid_union' && issue.message === 'Invalid input') {
    const expected = issue.errors
      .flat()
      .map((inner) => ('expected' in inner ? String(inner.expected) : inner.message))
    return `expected ${[...new Set(expected)].join(' or ')}`
  }
  return expectation(issue.message)
}

const expectation = (message: string): string => message.replace(/^Invalid (input|option): /, '')

/** The schema of what stands at `path`, through objects, arrays and wrappers. */
function schemaAt(schema: z.ZodType, path: readonly PropertyKey[]): z.ZodType | undefined {
  return path.reduce<z.ZodType | undefined>((inner, step) => {
    const definition = definitionOf(inner)
    return typeof step === 'number' ? definition?.element : definition?.shape?.[String(step)]
  }, schema)
}

const keysOf = (schema: z.ZodType | undefined): readonly string[] =>
  Object.keys(definitionOf(schema)?.shape ?? {})

interface Definition {
  readonly shape?: Readonly<Record<string, z.ZodType>>
  readonly element?: z.ZodType
  readonly innerType?: z.ZodType
  readonly in?: z.ZodType
}

/** Defaults, optionals and transformations stand around the schema that has the fields. */
function definitionOf(schema: z.ZodType | undefined): Definition | undefined {
  const definition = schema?.def as Definition | undefined
  const inner = definition?.innerType ?? definition?.in
  return inner === undefined ? definition : definitionOf(inner)
}
