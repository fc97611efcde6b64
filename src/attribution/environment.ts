// What a process's environment says of its service. Values are secrets: only those of wanted names are decoded.

import { keyValuesIn } from '../core/key-values.ts'
import { cleanServiceName } from '../core/service-policy.ts'

/** Those by which a process names its service itself. */
export const NAMING_VARIABLES = ['OTEL_SERVICE_NAME', 'OTEL_RESOURCE_ATTRIBUTES', 'DD_SERVICE'] as const

export type Environment = ReadonlyMap<string, string>

const EQUALS = 0x3d

/**
 * The variables of `names`, from the bytes of /proc/PID/environ: `NAME=value`, each followed by a zero byte. What has no
 * zero byte behind it was cut off, and does not count. Of a name that stands there twice the first counts, as for getenv.
 */
export function variablesIn(bytes: Uint8Array, names: ReadonlySet<string>): Environment {
  const found = new Map<string, string>()
  for (let from = 0; from < bytes.length; ) {
    const to = bytes.indexOf(0, from)
    if (to < 0) break
    const equals = bytes.indexOf(EQUALS, from)
    if (equals > from && equals < to) {
      const name = textOf(bytes, from, equals)
      if (names.has(name) && !found.has(name)) found.set(name, textOf(bytes, equals + 1, to))
    }
    from = to + 1
  }
  return found
}

const decoder = new TextDecoder()
const textOf = (bytes: Uint8Array, from: number, to: number): string =>
  decoder.decode(bytes.subarray(from, to))

/** The service that the process says it is; '' where it says nothing. */
export const serviceIn = (environment: Environment): string =>
  cleanServiceName(environment.get('OTEL_SERVICE_NAME') ?? '') ||
  cleanServiceName(attributeIn(environment.get('OTEL_RESOURCE_ATTRIBUTES') ?? '', 'service.name')) ||
  cleanServiceName(environment.get('DD_SERVICE') ?? '')

/** An attribute; '' where it is not there. As the specification (Resource SDK) has it, a malformed text is discarded whole. */
export function attributeIn(text: string, wanted: string): string {
  const { values, malformed } = keyValuesIn(text)
  return malformed > 0 ? '' : (values[wanted] ?? '')
}
