// What finding the row of an instruction costs where it is not in the cache: random instructions of libc, Python and
// Node.js, in CPU time, against elfutils in the same run. The work is test/native/bench/cfi_rows.cc.
//
//   npm run bench -- cfi-rows

import { execFileSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { z } from 'zod'

const program = new URL('../../build/native/sonde_cfi_rows_bench', import.meta.url).pathname
const files = ['/lib/*/libc.so.6', '/lib64/libc.so.6', '/usr/bin/python3', process.execPath].flatMap(
  (pattern) => globSync(pattern),
)
const Case = z.object({
  path: z.string(),
  functions: z.number(),
  bytes: z.number(),
  ns: z.number(),
  firstNs: z.number(),
  libdwNs: z.number(),
  libdwFirstNs: z.number(),
})

for (const line of execFileSync(program, files, { encoding: 'utf8' }).trim().split('\n')) {
  const { path, functions, bytes, ns, firstNs, libdwNs, libdwFirstNs } = Case.parse(JSON.parse(line))
  const ratio = firstNs / libdwFirstNs
  console.log(`${path}: ${functions} functions, ${(bytes / 1024).toFixed(0)} KiB`)
  console.log(
    `  first round ${firstNs} ns per row, elfutils ${libdwFirstNs} ns; best round ${ns} ns, elfutils ${libdwNs} ns`,
  )
  console.log(`  goal: less than elfutils: ${ratio < 1 ? 'met' : 'missed'} (${ratio.toFixed(2)} of its time)`)
}
