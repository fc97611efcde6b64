// DIRECTORY: follows it in a process of its own and writes a JSON line per state, until a line comes on standard input.

import { createInterface } from 'node:readline'
import { systemClock } from '../../src/base/clock.ts'
import { ConfigDirectory } from '../../src/config/config-directory.ts'
import { readLines } from './config-text.ts'

const [directory = ''] = process.argv.slice(2)
const watched = new ConfigDirectory({ directory, read: readLines, clock: systemClock })
const tell = (state: unknown): void => console.log(JSON.stringify(state))

tell(await watched.start())
const lines = createInterface({ input: process.stdin })
lines.once('line', () => {
  lines.close()
  process.stdin.destroy()
  void watched.close()
})
for await (const state of watched.changes(new AbortController().signal)) tell(state)
