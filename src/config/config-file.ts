// The text of a configuration: a file's, or without `--config` the commented example that comes with Sonde.

import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { AgentError, errnoOf, messageOf } from '../core/errors.ts'
import type { YamlDocument } from './yaml-document.ts'

/** This file lies in src/config or, bundled, in dist. */
const ROOT = join(import.meta.dirname, basename(import.meta.dirname) === 'dist' ? '..' : '../..')

export interface ConfigText {
  readonly text: string
  /** For messages. */
  readonly file: string
  /** What the text comes to, where somebody has read it. */
  readonly document?: YamlDocument
}

/** @throws AgentError `CONFIG.UNREADABLE` */
export function readConfig(path: string = join(ROOT, 'config/agent.yaml')): ConfigText {
  try {
    return { text: readFileSync(path, 'utf8'), file: path }
  } catch (error) {
    const reason = errnoOf(error) === 'ENOENT' ? 'there is no such file' : messageOf(error)
    throw new AgentError('CONFIG.UNREADABLE', `Cannot read the configuration ${path}: ${reason}.`, {
      cause: error,
    })
  }
}
