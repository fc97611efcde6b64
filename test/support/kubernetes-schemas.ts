// Makes test/fixtures/kubernetes/schemas.json: what an API server accepts of the kinds below, as JSON Schema without descriptions and defaults, in
// which fields that it does not know are errors.
//
//   node test/support/kubernetes-schemas.ts VERSION DIRECTORY >test/fixtures/kubernetes/schemas.json
//
// DIRECTORY holds api/openapi-spec/v3 of the Kubernetes sources, or the same from a running API server:
//   kubectl get --raw /openapi/v3/apis/apps/v1 >DIRECTORY/apis__apps__v1_openapi.json

import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const KINDS: Readonly<Record<string, readonly string[]>> = {
  api__v1: ['Namespace', 'ServiceAccount', 'ConfigMap'],
  apis__apps__v1: ['DaemonSet'],
  'apis__rbac.authorization.k8s.io__v1': ['ClusterRole', 'ClusterRoleBinding'],
  'apis__scheduling.k8s.io__v1': ['PriorityClass'],
}

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }
interface Schema {
  readonly [key: string]: Json
}

const KEPT = new Set(['type', 'properties', 'required', 'items', 'additionalProperties', 'enum', 'oneOf'])
const nameOf = (reference: string): string => reference.slice(reference.lastIndexOf('/') + 1)

/** Of a reference with a default beside it only the reference. */
function pruned(schema: Schema): Schema {
  const all = (schema.allOf as readonly Schema[] | undefined) ?? []
  const reference = (schema.$ref ?? all[0]?.$ref) as string | undefined
  if (reference !== undefined) return { $ref: `#/$defs/${nameOf(reference)}` }
  const entries = Object.entries(schema)
    .filter(([key]) => KEPT.has(key))
    .map(([key, value]): [string, Json] => [key, prunedPart(key, value)])
  const closed = schema.properties === undefined ? [] : [['additionalProperties', false] as const]
  return Object.fromEntries([...entries, ...closed])
}

function prunedPart(key: string, value: Json): Json {
  switch (key) {
    case 'properties':
      return Object.fromEntries(
        Object.entries(value as Readonly<Record<string, Schema>>).map(([name, part]) => [name, pruned(part)]),
      )
    case 'oneOf':
      return (value as readonly Schema[]).map(pruned)
    case 'items':
    case 'additionalProperties':
      return typeof value === 'object' ? pruned(value as Schema) : value
    default:
      return value
  }
}

const referencesIn = (schema: Json): readonly string[] =>
  [...JSON.stringify(schema).matchAll(/"#\/\$defs\/([^"]+)"/g)].map(([, name]) => name ?? '')

interface OpenApi {
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> }
}

const [version = '', directory = ''] = process.argv.slice(2)
const definitions = new Map<string, Schema>()
const kinds: Record<string, string> = {}
for (const [group, names] of Object.entries(KINDS)) {
  const text = readFileSync(join(directory, `${group}_openapi.json`), 'utf8')
  const { schemas } = (JSON.parse(text) as OpenApi).components
  const add = (name: string): void => {
    const schema = schemas[name]
    if (schema === undefined) throw new Error(`${group} has no ${name}`)
    if (definitions.has(name)) return
    const kept = pruned(schema)
    definitions.set(name, kept)
    referencesIn(kept).forEach(add)
  }
  for (const kind of names) {
    const [name = ''] = Object.keys(schemas).filter((each) => each.endsWith(`.${kind}`))
    const [, group_, of] = group.split('__')
    kinds[`${of === undefined ? group_ : `${group_}/${of}`} ${kind}`] = name
    add(name)
  }
}
const $defs = Object.fromEntries([...definitions].sort(([a], [b]) => (a < b ? -1 : 1)))
process.stdout.write(`${JSON.stringify({ version, kinds, $defs })}\n`)
