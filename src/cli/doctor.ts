import { UsageError } from '../core/errors.ts'
import { type Diagnosis, diagnosisOf } from '../sampler/diagnosis/diagnosis.ts'
import type { MachineFacts } from '../sampler/diagnosis/facts.ts'
import { readFacts } from '../sampler/diagnosis/read-facts.ts'
import type { Command } from './command.ts'
import { doctorJson } from './doctor-json.ts'
import { doctorText } from './doctor-text.ts'
import { DONE, FAILURE } from './exit-codes.ts'
import { type Option, type ParsedOptions, parseOptions } from './options.ts'
import { styleFor } from './terminal.ts'

const OPTIONS: readonly Option[] = [
  { long: 'json', help: 'Prints the findings and everything tried as JSON (docs/doctor.md)' },
  { long: 'verbose', help: "Prints everything tried, with the verifier's logs" },
]

export const doctor: Command = {
  name: 'doctor',
  summary: 'Say what this machine lets Sonde do, what not, why, and what would change it',
  usage: ['doctor [--json | --verbose]'],
  description: [
    'Looks at the kernel, its settings and the rights of whoever runs it, and tries what sampling needs: run it as the user\n' +
      'and in the container that the agent will run as. It changes nothing. Exit status 1 where something makes profiles less\n' +
      'true, dearer or impossible; lines marked info do not count.',
  ],
  options: OPTIONS,
  examples: [
    ['sonde doctor', 'what works here'],
    ['sonde doctor --json | jq .findings', 'for scripts'],
  ],
  async run(argv) {
    const options = parseOptions(argv, OPTIONS)
    const [stray] = options.positionals
    if (stray !== undefined) throw new UsageError(`sonde doctor takes no '${stray}'.`)
    const facts = await readFacts()
    const diagnosis = diagnosisOf(facts)
    process.stdout.write(printed(diagnosis, facts, options))
    return diagnosis.degraded ? FAILURE : DONE
  },
}

function printed(diagnosis: Diagnosis, facts: MachineFacts, options: ParsedOptions): string {
  if (options.has('json')) return doctorJson(diagnosis, facts)
  const probes = options.has('verbose') && 'probes' in facts.native ? facts.native.probes : []
  return doctorText(diagnosis, { probes, style: styleFor(process.stdout) })
}
