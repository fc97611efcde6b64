// How services are named: what configuration says of it.

/** All that is given must match; what is not known of a process matches nothing. Patterns are globs (`*`, `?`). */
export interface ServiceMatch {
  /** The executable's path, or its name where the pattern has no slash. */
  readonly executable?: string | undefined
  /** The arguments, with spaces between. */
  readonly commandLine?: string | undefined
  /** The path of one of its cgroups. */
  readonly cgroup?: string | undefined
  /** Variables of its environment; one that is empty counts as unset. */
  readonly environment?: Readonly<Record<string, string>> | undefined
}

export interface ServiceRule {
  readonly match: ServiceMatch
  readonly serviceName: string
}

export interface ServicePolicy {
  /** The first that matches names the service. */
  readonly rules: readonly ServiceRule[]
  /** Of processes that nothing else names. */
  readonly defaultName: string
}

export const DEFAULT_SERVICE_POLICY: ServicePolicy = { rules: [], defaultName: 'unknown_service' }

export const MAX_SERVICE_NAME_LENGTH = 200

/** Control characters, line ends, and what turns the order of writing: as native/core/symbols/printable_text.cc. */
const UNPRINTABLE = /[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu

/** A name that may be shown and sent, of what some process wrote: '' where nothing is left of it. */
export function cleanServiceName(text: string): string {
  const printable = text.replace(UNPRINTABLE, '').trim()
  // By code points: half a character is none.
  return printable.length <= MAX_SERVICE_NAME_LENGTH
    ? printable
    : Array.from(printable).slice(0, MAX_SERVICE_NAME_LENGTH).join('').trimEnd()
}
