// Every command, loaded when it is asked for: nothing else stands between exec and the first sample.

import type { Command } from './command.ts'

export interface CommandEntry {
  readonly name: string
  readonly load: () => Promise<Command>
}

export const COMMANDS: readonly CommandEntry[] = [
  { name: 'record', load: async () => (await import('./record.ts')).record },
  { name: 'run', load: async () => (await import('./run.ts')).run },
  { name: 'status', load: async () => (await import('./status.ts')).status },
  { name: 'list', load: async () => (await import('./list.ts')).list },
  { name: 'doctor', load: async () => (await import('./doctor.ts')).doctor },
  { name: 'report', load: async () => (await import('./report.ts')).report },
  { name: 'diff', load: async () => (await import('./diff.ts')).diff },
  { name: 'annotate', load: async () => (await import('./annotate.ts')).annotate },
  { name: 'convert', load: async () => (await import('./convert.ts')).convert },
  { name: 'config', load: async () => (await import('./config.ts')).config },
  { name: 'help', load: async () => (await import('./help.ts')).help },
  { name: 'version', load: async () => (await import('./version.ts')).version },
]
