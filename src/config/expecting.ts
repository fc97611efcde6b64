// What a field may be, and what stands there instead.

const SHOWN = 60

/** For the `error` of a schema. Not where the value may be a secret. */
export const expecting =
  (what: string) =>
  ({ input }: { readonly input?: unknown }): string =>
    input === undefined ? `is missing; expected ${what}` : `expected ${what}, found ${shown(input)}`

/** A value in a message; of lists and mappings only that they are. */
export function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list'
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value.length > SHOWN ? `${value.slice(0, SHOWN)}…` : value)
    case 'number':
    case 'bigint':
    case 'boolean':
      return String(value)
    default:
      return value === null ? 'nothing' : 'keys and values'
  }
}
