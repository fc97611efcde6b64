// docs/options.md, from the schemas: node scripts/options-page.ts >docs/options.md

import { predecessorWords } from '../src/cli/predecessor-flags.ts'
import { run } from '../src/cli/run.ts'
import { type SettingWords, settingWords } from '../src/cli/settings-help.ts'

const INTRODUCTION = `# Settings of \`sonde run\`

Every setting of a configuration (\`AgentConfig\`, explained in config/agent.yaml) can also be said by an option and by a
variable. An option goes before a variable, a variable before the file, the file before the default. This page is made from
the schemas by scripts/options-page.ts; \`sonde run --help=all\` shows the same, and \`sonde run --print-config\` what holds
now, with the origin of each value. Its output is a configuration file, too, but for values that are secrets.

How options and variables write values:

- Texts, numbers, durations (\`1h30m\`) and sizes (\`64MiB\`) as they stand in a configuration.
- \`true\` or \`false\`: an option alone is \`true\`; \`--option=false\` is not. The value needs the \`=\`.
- Lists with commas between (\`--symbols-sources kallsyms,symtab\`), by repeating the option, or as YAML: \`[kallsyms, symtab]\`.
  They replace the list of the file.
- Maps as \`key=value,key=value\`, percent-encoded as OTEL_RESOURCE_ATTRIBUTES is, or as YAML: \`{key: value}\`. Their entries
  come beside those of the file, or replace them one by one.
- What has more structure is YAML: \`--sampler-filter-exclude '[{kernelThreads: true}]'\`. \`--include\`, \`--exclude\`, \`--thin\`,
  \`--cgroup\`, \`--uid\` and \`--filter-comm\` add to these lists instead.

A variable that is empty says nothing. One that begins with \`SONDE_\` and is not here is named in a warning. What stands in the
table as standard is a variable of the field's own standard (OpenTelemetry, Datadog): it goes before the file, too, but behind
the setting's own variable and option. A consumer is turned on by any option or variable of its own, and off by
\`--perf-data=false\` or \`SONDE_PERF_DATA=false\`, whatever the file says. \`--sampler-period\` does away with the file's
\`frequency\`, and so on: of settings that exclude each other the nearest holds. Headers that a file gives for its endpoint are
not sent to another one that an option or a variable names. Of secrets an option warns: whoever may list processes reads it.

Where a directory of configurations says what is sampled, spec.sampler's events, frequency, period, window and maxStack do not: an
option or a variable that says one of them is named in a warning.

A wrong option or variable is named with what is expected, exit status 2; a wrong file with line and column, exit status 1.
`

/** In a cell of a table. */
const cell = (text: string): string => text.replaceAll('|', '\\|')
const code = (text: string): string => `\`${cell(text)}\``

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`

function settingRow({ field, option, variable, form, otherwise, meaning, standard }: SettingWords): string {
  const how = form === '' ? '' : ` (${form})`
  const others = standard.length === 0 ? '' : `. Standard: ${standard.map(code).join(', ')}`
  const spelled = `${code(option)}${cell(how)}<br>${code(variable)}`
  const value = otherwise === undefined ? '' : code(otherwise)
  return row([field === undefined ? '' : code(field), spelled, value, `${cell(meaning)}${others}`])
}

const table = (head: readonly string[], rows: readonly string[]): string =>
  [row(head), row(head.map(() => '---')), ...rows].join('\n')

export async function optionsPage(): Promise<string> {
  const words = await settingWords(run.options)
  const [ofCommand, ofConfig] = [
    words.filter((each) => each.field === undefined),
    words.filter((each) => each.field !== undefined),
  ]
  return [
    INTRODUCTION,
    '## Of the command\n',
    `${table(['', 'option, variable', 'default', 'meaning'], ofCommand.map(settingRow))}\n`,
    '## Of the configuration\n',
    `${table(['field', 'option, variable', 'default', 'meaning'], ofConfig.map(settingRow))}\n`,
    `## The predecessor's flags\n`,
    `Flags of the predecessor, of antimetal.agent.v1, are read as it read them, with one dash or two; the log says once what each is here.\nWhat cannot be honoured is an error.\n`,
    `${table(
      ['flag', 'here'],
      predecessorWords().map(([flag, here]) =>
        row([code(flag), here.startsWith('--') ? code(here) : cell(here)]),
      ),
    )}\n`,
  ].join('\n')
}

if (import.meta.main) process.stdout.write(await optionsPage())
