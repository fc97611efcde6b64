// The configuration that the agent has without `--config`: the commented example that comes with it.

import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'

/** This file lies in src/config or, bundled, in dist. */
const ROOT = join(import.meta.dirname, basename(import.meta.dirname) === 'dist' ? '..' : '../..')

export const readDefaultConfig = (): { readonly text: string; readonly file: string } => {
  const path = join(ROOT, 'config/agent.yaml')
  return { text: readFileSync(path, 'utf8'), file: path }
}
