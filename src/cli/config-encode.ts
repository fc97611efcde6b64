// `sonde config encode`: a ProfileCollectionConfig in YAML as base64 of its protobuf message.

import {
  base64Of,
  type CollectionSource,
  collectionSources,
  wrapperText,
} from '../config/collection/convert.ts'
import { type CollectionReading, checkedCollection } from '../config/collection/read.ts'
import { AgentError } from '../core/errors.ts'
import { checkEventName } from '../sampler/events/choose.ts'
import { type ConfigCommand, onlyWord } from './config-command.ts'
import { configText } from './config-files.ts'
import { DONE } from './exit-codes.ts'
import { type Option, parseOptions } from './options.ts'

const WRAP_OPTION: Option = {
  long: 'wrap',
  help: 'encode: the wrapper around it, with type, name and version, as YAML',
}

export const encode: ConfigCommand = {
  name: 'encode',
  usage: 'encode FILE [--wrap]',
  description:
    'the base64 protobuf of each ProfileCollectionConfig in the file, a line each; - is standard input.',
  options: [WRAP_OPTION],
  examples: [['sonde config encode profiler.yaml --wrap', 'for an agent that knows the wrapper only']],
  async run(argv) {
    const options = parseOptions(argv, [WRAP_OPTION])
    const { text, file } = await configText(onlyWord(options, 'Which file is to be encoded?'))
    const readings = collectionSources(text, file).map(readingOf)
    if (readings.length === 0) throw new AgentError('CONFIG.INVALID', `${file} has no document.`)
    process.stdout.write(
      options.has(WRAP_OPTION.long)
        ? readings.map(wrapperText).join('---\n')
        : readings.map((reading) => `${base64Of(reading)}\n`).join(''),
    )
    return DONE
  },
}

/** @throws AgentError `CONFIG.INVALID` */
function readingOf({ document, read }: CollectionSource): CollectionReading {
  if (read.is === 'invalid') throw new AgentError('CONFIG.INVALID', read.problems.join('\n'))
  const checked = checkedCollection(document, read.reading, {
    checkEvent: checkEventName,
    consumerNames: undefined,
  })
  if (checked.kind === 'invalid') throw new AgentError('CONFIG.INVALID', checked.problems.join('\n'))
  return read.reading
}
