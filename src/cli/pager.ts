// Long text on a terminal goes through the reader's pager, as git's does.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Option, ParsedOptions } from './options.ts'

export const PAGER_OPTION: Option = {
  long: 'no-pager',
  help: 'Writes straight to the terminal, not through $SONDE_PAGER, $PAGER or less',
}

/** Writes `text` to standard output, through a pager where that is a terminal. Resolves when the reader has left it. */
export async function showPaged(text: string, options: Pick<ParsedOptions, 'has'>): Promise<void> {
  const wanted = process.stdout.isTTY && !options.has(PAGER_OPTION.long)
  const pager = wanted ? pagerOf(process.env) : undefined
  if (pager === undefined || !(await pipedThrough(pager, text))) process.stdout.write(text)
}

/** A command of the shell; none where the reader wants none. */
export function pagerOf(environment: NodeJS.ProcessEnv): string | undefined {
  const { SONDE_PAGER, PAGER, TERM } = environment
  const pager = (SONDE_PAGER ?? PAGER ?? 'less').trim()
  return pager === '' || pager === 'cat' || TERM === 'dumb' ? undefined : pager
}

/** What the shell says of a command that it cannot start. */
const CANNOT_START = new Set([126, 127])

/** False where there is no such pager: nothing was shown then. */
async function pipedThrough(pager: string, text: string): Promise<boolean> {
  // Ctrl-C belongs to the pager as long as it has the terminal.
  const ignore = () => undefined
  process.on('SIGINT', ignore)
  try {
    const child = spawn('/bin/sh', ['-c', quietly(pager)], {
      stdio: ['pipe', 'inherit', 'inherit'],
      // less: leave at once where a screen holds it all, keep colours, leave it on the screen.
      env: { LESS: 'FRX', LV: '-c', ...process.env },
    })
    // A pager that is left before the end of the text.
    child.stdin.on('error', ignore)
    child.stdin.end(text)
    const [status]: (number | null)[] = await once(child, 'close')
    return !CANNOT_START.has(status ?? 0)
  } catch {
    return false
  } finally {
    process.removeListener('SIGINT', ignore)
  }
}

/** Nobody asked for the one that is taken where none is named; that it is missing is of no interest. */
const quietly = (pager: string): string => (pager === 'less' ? 'exec less 2>/dev/null' : pager)
