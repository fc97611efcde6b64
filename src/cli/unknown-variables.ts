// Variables that look like Sonde's and are not: most are slips of the pen.

import { didYouMean } from '../base/near.ts'
import type { Environment } from '../core/setting-facts.ts'

/** Read elsewhere. */
const OTHERS = ['SONDE_DEBUG']

/** Kubernetes gives every container those of each Service, and one may be called sonde. */
const OF_A_SERVICE = /^SONDE_(\w+_)?(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\w+)?)$/

/** A line for each. */
export function unknownVariables(environment: Environment, known: readonly string[]): readonly string[] {
  const names = [...known, ...OTHERS]
  return Object.keys(environment)
    .filter((name) => name.startsWith('SONDE_') && !names.includes(name) && !OF_A_SERVICE.test(name))
    .map(
      (name) =>
        `There is no variable ${name}${didYouMean(name, names)}; it says nothing. docs/options.md lists them`,
    )
}
