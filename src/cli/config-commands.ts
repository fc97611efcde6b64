// What can be done with configurations, apart from running them.

import { check } from './config-check.ts'
import type { ConfigCommand } from './config-command.ts'
import { decode } from './config-decode.ts'
import { encode } from './config-encode.ts'
import { schema } from './config-schema.ts'

export type { ConfigCommand } from './config-command.ts'

export const CONFIG_COMMANDS: readonly ConfigCommand[] = [check, decode, encode, schema]
