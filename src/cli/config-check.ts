// `sonde config check`: what an agent would take of these configurations, and everything that is wrong with them.

import { parseAgentDocument } from '../config/agent-config.ts'
import { rateText } from '../config/collection/rate-text.ts'
import { type ConfigDocument, readDocuments } from '../config/documents.ts'
import { AgentError, UsageError } from '../core/errors.ts'
import { filterText } from '../core/sample-match.ts'
import { loadConsumers } from '../open-pipeline.ts'
import { checkEventName } from '../sampler/events/choose.ts'
import type { ConfigCommand } from './config-command.ts'
import { type ConfigText, configTexts } from './config-files.ts'
import { DONE, FAILURE } from './exit-codes.ts'
import { parseOptions } from './options.ts'
import { counted, printable, styleFor } from './terminal.ts'

export const check: ConfigCommand = {
  name: 'check',
  usage: 'check DIR|FILE…',
  description:
    'everything that is wrong, with its file, line and field. Exit status 1 where anything is; warnings are none.',
  options: [],
  examples: [['sonde config check /etc/sonde/agent', 'what an agent would say of that directory']],
  async run(argv) {
    const { positionals } = parseOptions(argv, [])
    if (positionals.length === 0) throw new UsageError('Which directory or file is to be checked?')
    const texts = (await Promise.all(positionals.map(configTexts))).flat()
    const findings = await findingsOf(texts)
    const { stdout, stderr } = process
    for (const line of findings.valid) stdout.write(`${printable(line)}\n`)
    for (const line of findings.warnings)
      stderr.write(`${styleFor(stderr).yellow('warning:')} ${printable(line)}\n`)
    for (const line of findings.problems)
      stderr.write(`${styleFor(stderr).red('error:')} ${printable(line)}\n`)
    stdout.write(
      `${counted(findings.valid.length, 'document')} valid, ${counted(findings.problems.length, 'error')}\n`,
    )
    return findings.problems.length === 0 ? DONE : FAILURE
  },
}

interface Findings {
  /** A line per document. */
  readonly valid: readonly string[]
  readonly warnings: readonly string[]
  readonly problems: readonly string[]
}

const NOTHING: Findings = { valid: [], warnings: [], problems: [] }

async function findingsOf(texts: readonly ConfigText[]): Promise<Findings> {
  const plugins = await loadConsumers()
  const everyType = plugins.map(({ type }) => type)
  const agents = documentsOf(texts, everyType).map((document) => agentFindings(document, plugins))
  const agentTypes = agents.flatMap(({ types }) => types)
  // Some consumers can be turned on by the environment, whatever the AgentConfig says.
  const byEnvironment = plugins.flatMap(({ type, check: canBe }) => (canBe === undefined ? [] : [type]))
  const names = agentTypes.length === 0 ? everyType : [...new Set([...agentTypes, ...byEnvironment])]
  const documents = documentsOf(texts, names)
  return [
    ...texts.map((text) => (text.is === 'text' ? NOTHING : problem(`${text.file} ${text.problem}`))),
    ...agents.map(({ findings }) => findings),
    ...documents.map(documentFindings),
    ...doubles(documents),
  ].reduce(both, NOTHING)
}

const both = (a: Findings, b: Findings): Findings => ({
  valid: [...a.valid, ...b.valid],
  warnings: [...a.warnings, ...b.warnings],
  problems: [...a.problems, ...b.problems],
})

const problem = (...problems: readonly string[]): Findings => ({ ...NOTHING, problems })

const documentsOf = (
  texts: readonly ConfigText[],
  consumerNames: readonly string[],
): readonly ConfigDocument[] =>
  texts.flatMap((text) =>
    text.is === 'text'
      ? readDocuments(text.text, text.file, { checkEvent: checkEventName, consumerNames })
      : [],
  )

function agentFindings(
  document: ConfigDocument,
  consumers: Awaited<ReturnType<typeof loadConsumers>>,
): { readonly types: readonly string[]; readonly findings: Findings } {
  if (document.kind !== 'agent') return { types: [], findings: NOTHING }
  try {
    const { consumerTypes } = parseAgentDocument(document.document, { consumers, checkEvent: checkEventName })
    const line = `${document.place}: AgentConfig: consumers ${consumerTypes.join(', ')}`
    return { types: consumerTypes, findings: { ...NOTHING, valid: [line] } }
  } catch (error) {
    if (!(error instanceof AgentError)) throw error
    return { types: [], findings: problem(...error.message.split('\n')) }
  }
}

function documentFindings(document: ConfigDocument): Findings {
  switch (document.kind) {
    case 'agent':
      return NOTHING
    case 'invalid':
      return problem(...document.problems)
    case 'collection':
      return { ...NOTHING, valid: [collectionLine(document)], warnings: document.warnings }
  }
}

function collectionLine({ place, collection, ttl }: Extract<ConfigDocument, { kind: 'collection' }>): string {
  const { name, version, eventName, interval, filter, consumers } = collection
  const which = version === '' ? name : `${name} version ${version}`
  const rate = rateText(collection, checkEventName(eventName))
  const parts = [
    `${eventName} ${rate}`,
    `handed over each ${interval / 1_000} s to ${consumers?.join(', ') ?? 'all consumers'}`,
    ...(filter.rules.length === 0 ? [] : [filterText(filter)]),
    ...(ttl === undefined ? [] : [`for ${ttl / 1_000} s`]),
  ]
  return `${place}: ${which}: ${parts.join('; ')}`
}

/** Documents that an earlier one stands in the way of. */
function doubles(documents: readonly ConfigDocument[]): readonly Findings[] {
  const first = new Map<string, ConfigDocument>()
  return documents.flatMap((document) => {
    if (document.kind === 'invalid') return []
    const what = document.kind === 'agent' ? 'AgentConfig' : `${document.type} '${document.collection.name}'`
    const before = first.get(what)
    if (before === undefined) first.set(what, document)
    return before === undefined ? [] : [problem(`${document.place}: ${what} is already in ${before.place}`)]
  })
}
