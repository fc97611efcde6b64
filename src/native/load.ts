// Finds the addon, and explains when it cannot be used.

import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AgentError, messageOf } from '../core/errors.ts'
import type { NativeAddon } from './binding.ts'

const ADDON = 'build/native/sonde.node'
const LINES_PROGRAM = 'build/native/sonde-lines'
const ADVICE = 'run scripts/setup.sh run in the checkout'

/**
 * Loads build/native/sonde.node of the package this program belongs to.
 * @param from where to look for the package: this file, or the bundle it became part of
 * @throws AgentError `NATIVE.NOT_BUILT` when there is no addon, `NATIVE.NOT_LOADABLE` when it does not fit this Node or
 *   this system
 */
export function loadAddon(from: string = fileURLToPath(import.meta.url)): NativeAddon {
  const file = join(packageOf(from), ADDON)
  if (!existsSync(file)) {
    throw new AgentError('NATIVE.NOT_BUILT', `Cannot find the native part at ${file}: ${ADVICE}.`)
  }
  try {
    return createRequire(file)(file) as NativeAddon
  } catch (cause) {
    throw new AgentError(
      'NATIVE.NOT_LOADABLE',
      `Cannot load ${file} into Node ${process.version}: ${firstLine(messageOf(cause))}. It may have been built on another system or left half-built: ${ADVICE}.`,
      { cause },
    )
  }
}

/**
 * The program that reads DWARF, beside the addon.
 * @throws AgentError `NATIVE.NO_LINES` when it was left out of the build
 */
export function linesProgram(from: string = fileURLToPath(import.meta.url)): string {
  const file = join(packageOf(from), LINES_PROGRAM)
  if (existsSync(file)) return file
  throw new AgentError(
    'NATIVE.NO_LINES',
    `No source lines: there is no ${file}, because libdw was missing when it was to be built. Install it (Debian: libdw-dev), and ${ADVICE}.`,
  )
}

/** The folder of the next package.json above: one step from dist/, two from src/native/. */
function packageOf(file: string): string {
  let folder = dirname(file)
  while (!existsSync(join(folder, 'package.json'))) {
    if (dirname(folder) === folder) {
      throw new AgentError('NATIVE.NOT_BUILT', `Cannot find the package that ${file} belongs to: ${ADVICE}.`)
    }
    folder = dirname(folder)
  }
  return folder
}

const firstLine = (text: string): string => text.split('\n', 1)[0] ?? ''
