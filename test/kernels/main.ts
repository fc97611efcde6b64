// npm run test:kernels: each kernel of the catalogue is fetched, booted with this checkout inside, and judged; the table
// comes last. Ends with 1 where a check failed, and with 0 where kernels that cannot be had were skipped.

import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { workload } from '../support/workload.ts'
import { checksSignatures } from './archive.ts'
import { KERNEL_LINES, type KernelLine } from './catalog.ts'
import type { Check } from './check.ts'
import { compileObjects } from './compilers.ts'
import { type Kernel, obtainKernel } from './image.ts'
import { runGuest } from './machine.ts'
import { checkText, type KernelRow, tableText } from './table.ts'
import { type Abilities, abilitiesOfSonde, HERTZ, judgeGuest, SECONDS, stepsFor } from './verdicts.ts'

const directory = resolve(process.env.SONDE_KERNELS_DIR ?? join(import.meta.dirname, '../../build/kernels'))
const say = (text: string): boolean => process.stdout.write(`${text}\n`)

function wantedLines(): readonly KernelLine[] {
  const { only } = parseArgs({ options: { only: { type: 'string', multiple: true } } }).values
  const unknown = only?.find((name) => !KERNEL_LINES.some((line) => line.name === name))
  if (unknown !== undefined)
    throw new Error(`--only ${unknown}: expected ${KERNEL_LINES.map(({ name }) => name).join(', ')}`)
  return KERNEL_LINES.filter(({ name }) => only === undefined || only.includes(name))
}

interface Trial {
  readonly line: KernelLine
  readonly abilities: Abilities
  /** Every compiler's BPF objects. */
  readonly objects: string
}

function tryKernel(trial: Trial): KernelRow {
  const { line } = trial
  const place = join(directory, line.suite)
  mkdirSync(place, { recursive: true })
  let kernel: Kernel
  try {
    kernel = obtainKernel(line, place)
  } catch (error) {
    return { line, outcome: 'skipped', reason: (error as Error).message }
  }
  if (kernel.remark !== undefined) say(`kernels: ${line.name} is the one of last time: ${kernel.remark}`)
  say(`kernels: ${line.name}: booting ${kernel.release}`)
  return boot(kernel, trial)
}

function boot(kernel: Kernel, { line, abilities, objects }: Trial): KernelRow {
  const out = join(directory, 'results', line.name)
  const [node, program] = [process.execPath, workload('shares')]
  const wishes = {
    node,
    workload: program,
    objects,
    steps: stepsFor(abilities),
    hertz: HERTZ,
    seconds: SECONDS,
  }
  const end = runGuest(kernel, wishes, out)
  const verdict = judgeGuest(out, abilities)
  const ended: Check = {
    subject: 'the guest gets to its end',
    outcome: end.problem === undefined ? 'ok' : 'failed',
    detail: end.problem ?? `${end.seconds} s`,
  }
  const row = { line, outcome: 'booted', kernel, seconds: end.seconds, verdict } as const
  return { ...row, verdict: { ...verdict, checks: [ended, ...verdict.checks] } }
}

if (!checksSignatures)
  say('kernels: no debian-archive-keyring: the signatures of what is fetched are not verified.')
const lines = wantedLines()
const abilities = abilitiesOfSonde()
const compilers = (process.env.COMPILERS ?? '').split(' ').filter((name) => name !== '')
const compiled = compileObjects(compilers, join(directory, 'objects'))
for (const check of compiled.checks) say(`  ${checkText(check)}`)
const rows = lines.map((line) => {
  const row = tryKernel({ line, abilities, objects: compiled.directory })
  if (row.outcome === 'booted') for (const check of row.verdict.checks) say(`  ${checkText(check)}`)
  return row
})
say(`\n${tableText(rows)}`)
const checks = [
  ...compiled.checks,
  ...rows.flatMap((row) => (row.outcome === 'booted' ? row.verdict.checks : [])),
]
process.exitCode = checks.some(({ outcome }) => outcome === 'failed') ? 1 : 0
