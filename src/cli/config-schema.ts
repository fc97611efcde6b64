// `sonde config schema`: JSON Schema of a kind, as config/schema/ has it.

import { didYouMean } from '../base/near.ts'
import { jsonSchemaOf, SCHEMA_KINDS } from '../config/json-schema.ts'
import { UsageError } from '../core/errors.ts'
import { loadConsumers } from '../open-pipeline.ts'
import { type ConfigCommand, onlyWord } from './config-command.ts'
import { DONE } from './exit-codes.ts'
import { parseOptions } from './options.ts'

export const schema: ConfigCommand = {
  name: 'schema',
  usage: 'schema KIND',
  description: `the JSON Schema of ${SCHEMA_KINDS.join(', ')}.`,
  options: [],
  examples: [['sonde config schema ProfileCollectionConfig', 'for the editor, or to check a chart’s values']],
  async run(argv) {
    const kind = onlyWord(parseOptions(argv, []), `Of which kind? ${SCHEMA_KINDS.join(', ')} are known.`)
    const found = jsonSchemaOf(kind, await loadConsumers())
    if (found === undefined) {
      const known = didYouMean(kind, SCHEMA_KINDS) || `; known are ${SCHEMA_KINDS.join(', ')}`
      throw new UsageError(`There is no kind '${kind}'${known}.`)
    }
    process.stdout.write(`${JSON.stringify(found, null, 2)}\n`)
    return DONE
  },
}
