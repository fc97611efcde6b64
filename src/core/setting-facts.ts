// What a schema cannot say of a field, and its options, variables and documentation need.

import * as z from 'zod'
import type { ConsumerContext } from './consumer-context.ts'

export type Environment = ConsumerContext['environment']

export interface SettingFacts {
  /** Its value is never shown. */
  readonly secret?: true
  /** Fields beside it that do not hold where it is given from a nearer place. */
  readonly insteadOf?: readonly string[]
  /** What holds where neither it nor any of those is given. */
  readonly otherwise?: unknown
  /** The field beside it that says where this is sent: to the place that it was given for, and to no other. */
  readonly sentTo?: string
  /** Cuts the text of a list that an option or a variable says; else it is cut at every comma. */
  readonly partsOf?: (text: string) => readonly string[]
  /** Variables of the field's own standard: they go before configuration files. */
  readonly standard?: StandardVariables
}

export interface StandardVariables {
  readonly names: readonly string[]
  /**
   * What they say, as a document would; undefined where they say nothing, or less than the document does. Never throws: what
   * is wrong with them is said by whom they are for.
   */
  readonly read: (environment: Environment, written: unknown) => Variable | undefined
}

export interface Variable {
  readonly name: string
  readonly value: unknown
}

/** Schemas are registered last, behind `optional` and `default`. */
export const SETTING_FACTS = z.registry<SettingFacts>()

/** The first of `names` that says something, by itself. */
export function standardVariables(
  names: readonly string[],
  toValue: (text: string) => unknown = (text) => text,
): StandardVariables {
  return {
    names,
    read(environment) {
      for (const name of names) {
        const text = environment[name]?.trim()
        if (text !== undefined && text !== '') return { name, value: toValue(text) }
      }
      return undefined
    },
  }
}
