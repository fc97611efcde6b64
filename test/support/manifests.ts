// deploy/kubernetes and deploy/Dockerfile as tests read them.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import * as z from 'zod'

const root = join(import.meta.dirname, '../..')
const folder = join(root, 'deploy/kubernetes')

export interface Manifest {
  /** For messages. */
  readonly file: string
  readonly apiVersion: string
  readonly kind: string
  readonly object: unknown
}

const nameSchema = z.looseObject({ apiVersion: z.string(), kind: z.string() })

/** Every object of every file but the kustomization. */
export const readManifests = (): readonly Manifest[] =>
  readdirSync(folder)
    .filter((file) => file.endsWith('.yaml') && file !== 'kustomization.yaml')
    .flatMap((file) => manifestsIn(readFileSync(join(folder, file), 'utf8'), file))

export const readKustomization = (): unknown =>
  parseAllDocuments(readFileSync(join(folder, 'kustomization.yaml'), 'utf8'))[0]?.toJS()

export function manifestsIn(text: string, file: string): readonly Manifest[] {
  return [...parseAllDocuments(text)].map((document) => {
    const [error] = document.errors
    if (error !== undefined) throw new Error(`${file}: ${error.message}`)
    const object = document.toJS() as unknown
    return { file, object, ...nameSchema.pick({ apiVersion: true, kind: true }).parse(object) }
  })
}

interface ServedSchemas {
  readonly kinds: Readonly<Record<string, string>>
  readonly $defs: Readonly<Record<string, unknown>>
}

const served = JSON.parse(
  readFileSync(join(root, 'test/fixtures/kubernetes/schemas.json'), 'utf8'),
) as ServedSchemas

/** What an API server would say of it: a line per problem. Unknown fields are problems. */
export function schemaProblems({ file, apiVersion, kind, object }: Manifest): readonly string[] {
  const name = served.kinds[`${apiVersion} ${kind}`]
  if (name === undefined)
    return [`${file}: there is no schema of ${apiVersion} ${kind} in test/fixtures/kubernetes`]
  const schema = { $ref: `#/$defs/${name}`, $defs: served.$defs } as Parameters<typeof z.fromJSONSchema>[0]
  const { error } = z.fromJSONSchema(schema).safeParse(object)
  return (error?.issues ?? []).map(({ path, message }) => `${file}: ${kind} ${path.join('.')}: ${message}`)
}

const metadataSchema = z.looseObject({
  name: z.string(),
  namespace: z.string().optional(),
  labels: z.record(z.string(), z.string()),
})
const mountSchema = z.looseObject({
  name: z.string(),
  mountPath: z.string(),
  subPath: z.string().optional(),
  readOnly: z.boolean().default(false),
})
const probeSchema = z.looseObject({
  exec: z.looseObject({ command: z.array(z.string()) }),
  timeoutSeconds: z.number(),
})
const containerSchema = z.looseObject({
  image: z.string(),
  command: z.array(z.string()).optional(),
  args: z.array(z.string()),
  env: z.array(z.looseObject({ name: z.string(), value: z.string().optional() })),
  ports: z.array(z.unknown()).default([]),
  securityContext: z.looseObject({
    privileged: z.boolean().default(false),
    allowPrivilegeEscalation: z.boolean(),
    readOnlyRootFilesystem: z.boolean(),
    capabilities: z.looseObject({ drop: z.array(z.string()), add: z.array(z.string()) }),
  }),
  startupProbe: probeSchema,
  readinessProbe: probeSchema,
  livenessProbe: probeSchema,
  volumeMounts: z.array(mountSchema),
})
const volumeSchema = z.looseObject({
  name: z.string(),
  configMap: z.looseObject({ name: z.string() }).optional(),
  emptyDir: z.looseObject({ sizeLimit: z.string() }).optional(),
  hostPath: z.looseObject({ path: z.string(), type: z.string() }).optional(),
})
const confinementSchema = z.looseObject({ type: z.string() })
const daemonSetSchema = z.looseObject({
  metadata: metadataSchema,
  spec: z.looseObject({
    selector: z.looseObject({ matchLabels: z.record(z.string(), z.string()) }),
    template: z.looseObject({
      metadata: z.looseObject({ labels: z.record(z.string(), z.string()) }),
      spec: z.looseObject({
        serviceAccountName: z.string(),
        automountServiceAccountToken: z.boolean(),
        priorityClassName: z.string(),
        hostPID: z.boolean(),
        tolerations: z.array(z.unknown()),
        terminationGracePeriodSeconds: z.number(),
        securityContext: z.looseObject({
          runAsNonRoot: z.boolean(),
          runAsUser: z.number(),
          runAsGroup: z.number(),
          seccompProfile: confinementSchema,
          appArmorProfile: confinementSchema,
        }),
        containers: z.tuple([containerSchema]),
        volumes: z.array(volumeSchema),
      }),
    }),
  }),
})
const configMapSchema = z.looseObject({ metadata: metadataSchema, data: z.record(z.string(), z.string()) })
const namedSchema = z.looseObject({ metadata: metadataSchema })

export type DaemonSet = z.output<typeof daemonSetSchema>

/** The only manifest of this kind. */
function only(kind: string): unknown {
  const [manifest, ...more] = readManifests().filter((each) => each.kind === kind)
  if (manifest === undefined || more.length > 0)
    throw new Error(`${more.length + (manifest ? 1 : 0)} of ${kind}`)
  return manifest.object
}

export const readDaemonSet = (): DaemonSet => daemonSetSchema.parse(only('DaemonSet'))
export const readConfigMap = (): z.output<typeof configMapSchema> => configMapSchema.parse(only('ConfigMap'))
export const metadataOf = (kind: string): z.output<typeof metadataSchema> =>
  namedSchema.parse(only(kind)).metadata

export interface ImageConfig {
  readonly Entrypoint: readonly string[]
  readonly Cmd: readonly string[]
  readonly User: string
}

export const readDockerfile = (): string => readFileSync(join(root, 'deploy/Dockerfile'), 'utf8')

/** What the last stage of deploy/Dockerfile says of how its image is run. */
export function imageConfig(): ImageConfig {
  const last =
    readDockerfile()
      .split(/^FROM /m)
      .at(-1) ?? ''
  const instruction = (name: string): string => {
    const found = new RegExp(`^${name} (.*)$`, 'm').exec(last)?.[1]
    if (found === undefined) throw new Error(`deploy/Dockerfile has no ${name} in its last stage`)
    return found
  }
  const words = z.array(z.string())
  return {
    Entrypoint: words.parse(JSON.parse(instruction('ENTRYPOINT'))),
    Cmd: words.parse(JSON.parse(instruction('CMD'))),
    User: instruction('USER'),
  }
}
