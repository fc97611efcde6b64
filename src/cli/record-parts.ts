// What a recording has beside its agent.

import type { Interrupt } from './interrupt.ts'
import type { Log } from './log.ts'
import type { RecordedCommand } from './recorded-command.ts'
import type { RotationSignal } from './rotation-signal.ts'
import type { Tally } from './tally.ts'

export interface RecordParts {
  readonly tally: Tally
  readonly log: Log
  readonly cmd: RecordedCommand | undefined
  readonly interrupt: Interrupt
  readonly rotation: RotationSignal
}
