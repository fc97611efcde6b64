// `sonde config decode`: base64 of a protobuf message, or a wrapper around one, as YAML that people read.

import { existsSync } from 'node:fs'
import { eventOf } from '../config/collection/catalog-remarks.ts'
import {
  type CollectionSource,
  collectionOfBase64,
  collectionSources,
  isBase64,
  plainText,
} from '../config/collection/convert.ts'
import { periodText } from '../config/collection/rate-text.ts'
import { type CollectionReading, warningsOf } from '../config/collection/read.ts'
import { nameSchema } from '../config/identity-schema.ts'
import type { YamlDocument } from '../config/yaml-document.ts'
import { AgentError, UsageError } from '../core/errors.ts'
import { checkEventName } from '../sampler/events/choose.ts'
import { type ConfigCommand, onlyWord } from './config-command.ts'
import { configText, STDIN } from './config-files.ts'
import { DONE } from './exit-codes.ts'
import { type Option, parseOptions } from './options.ts'
import { printable, styleFor } from './terminal.ts'

const NAME_OPTION: Option = {
  long: 'name',
  value: 'NAME',
  help: 'decode: the name to give to a message without a wrapper (default profiler)',
}
const DEFAULT_NAME = 'profiler'

export const decode: ConfigCommand = {
  name: 'decode',
  usage: 'decode BASE64|FILE [--name NAME]',
  description:
    'the plain YAML of a ProfileCollectionConfig in base64 protobuf, alone or in its wrapper; - is standard input.',
  options: [NAME_OPTION],
  examples: [
    ['sonde config decode CgljcHUtY2xvY2sQgJTr4gQYCg==', 'what that asks for, and that it is a rare sample'],
  ],
  async run(argv) {
    const options = parseOptions(argv, [NAME_OPTION])
    const word = onlyWord(options, 'What is to be decoded? Name a file, or give the base64 itself.')
    const name = options.value(NAME_OPTION.long) ?? DEFAULT_NAME
    const wrong = nameSchema.safeParse(name).error?.issues[0]
    if (wrong !== undefined) throw new UsageError(`--name: ${wrong.message}.`)
    const texts = (await sourcesOf(word, name)).map(decoded)
    process.stdout.write(texts.join('---\n'))
    return DONE
  },
}

async function sourcesOf(word: string, name: string): Promise<readonly CollectionSource[]> {
  if (word !== STDIN && !existsSync(word) && isBase64(word)) return [collectionOfBase64(word, 'BASE64', name)]
  const { text, file } = await configText(word)
  return isBase64(text) ? [collectionOfBase64(text, file, name)] : collectionSources(text, file)
}

/** @throws AgentError `CONFIG.INVALID` */
function decoded({ document, read }: CollectionSource): string {
  if (read.is === 'invalid') throw new AgentError('CONFIG.INVALID', read.problems.join('\n'))
  const { reading } = read
  const event = eventOf(reading.stated.eventName, { checkEvent: checkEventName, consumerNames: undefined })
  const info = event.is === 'known' ? event.info : undefined
  tellWarnings(
    document,
    reading,
    event.is === 'known' ? warningsOf(document, reading, info) : [event.remark.message],
  )
  const { samplePeriod } = reading.stated
  return plainText(reading, samplePeriod === undefined ? undefined : periodText(BigInt(samplePeriod), info))
}

function tellWarnings(document: YamlDocument, { ttl }: CollectionReading, warnings: readonly string[]): void {
  const lost =
    ttl === undefined
      ? []
      : [`${document.file}: the ttl of ${ttl / 1_000}s is left out: the plain form has none`]
  for (const line of [...warnings, ...lost])
    process.stderr.write(`${styleFor(process.stderr).yellow('warning:')} ${printable(line)}\n`)
}
