// An OpenTelemetry Collector with the file exporter, and what that wrote.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { freePort } from '../support/endpoints.ts'
import { type Child, start, tools, until } from './tools.ts'

export class Collector {
  readonly grpc: string
  readonly http: string
  readonly #t: TestContext
  readonly #directory: string
  #child: Child

  private constructor(t: TestContext, directory: string, ports: { grpc: number; http: number }) {
    this.#t = t
    this.#directory = directory
    this.grpc = `http://127.0.0.1:${ports.grpc}`
    this.http = `http://127.0.0.1:${ports.http}`
    writeFileSync(join(directory, 'collector.yaml'), configuration(directory, ports))
    this.#child = this.#run()
  }

  static async start(t: TestContext, directory: string): Promise<Collector> {
    const collector = new Collector(t, directory, { grpc: await freePort(), http: await freePort() })
    await collector.#ready()
    return collector
  }

  kill = (): Promise<unknown> => this.#child.end('SIGKILL')

  /** On the same ports, into the same file. */
  async restart(): Promise<void> {
    this.#child = this.#run()
    await this.#ready()
  }

  /** Every profile of every request that it ever answered, in order. */
  received(): readonly Received[] {
    const file = join(this.#directory, 'received.json')
    if (!existsSync(file)) return []
    const lines = readFileSync(file, 'utf8').split('\n')
    return lines.filter((line) => line !== '').flatMap((line) => profilesOf(JSON.parse(line) as Request))
  }

  #run(): Child {
    const config = `file:${join(this.#directory, 'collector.yaml')}`
    return start(this.#t, [tools.collector, '--config', config, '--feature-gates=+service.profilesSupport'])
  }

  async #ready(): Promise<void> {
    const { output, ended } = this.#child
    const failed = ended.then(({ stderr }) => Promise.reject(new Error(`the collector ended: ${stderr}`)))
    const ready = until('the collector runs', () =>
      output().stderr.includes('Everything is ready') ? true : undefined,
    )
    await Promise.race([ready, failed])
    failed.catch(() => undefined)
  }
}

/** With `rotation` the file exporter writes each request before it is answered; otherwise once a second. */
const configuration = (directory: string, ports: { grpc: number; http: number }): string => `
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "127.0.0.1:${ports.grpc}"}
      http: {endpoint: "127.0.0.1:${ports.http}"}
exporters:
  file: {path: ${join(directory, 'received.json')}, rotation: {max_megabytes: 10000}}
service:
  telemetry: {metrics: {level: none}}
  pipelines: {profiles: {receivers: [otlp], exporters: [file]}}
`

export interface Received {
  readonly resource: Readonly<Record<string, string>>
  readonly profileId: string
  /** Nanoseconds since 1970. */
  readonly time: bigint
  /** Sum of all values; samples without any have their timestamps counted. */
  readonly samples: number
}

/** The JSON form, in which the file exporter has made references into the dictionary of the resources' texts. */
interface Request {
  readonly resourceProfiles?: readonly {
    readonly resource?: { readonly attributes?: readonly Attribute[] }
    readonly scopeProfiles?: readonly { readonly profiles?: readonly Profile[] }[]
  }[]
  readonly dictionary: { readonly stringTable: readonly string[] }
}
interface Attribute {
  readonly key?: string
  readonly keyStrindex?: number
  readonly value: {
    readonly stringValue?: string
    readonly stringValueStrindex?: number
    readonly intValue?: string
  }
}
interface Profile {
  readonly profileId: string
  readonly timeUnixNano: string
  readonly samples?: readonly {
    readonly values?: readonly string[]
    readonly timestampsUnixNano?: readonly string[]
  }[]
}

function profilesOf({ resourceProfiles = [], dictionary }: Request): Received[] {
  const textAt = (index: number | undefined): string => dictionary.stringTable[index ?? 0] ?? ''
  const attribute = ({ key, keyStrindex, value }: Attribute): [string, string] => [
    key ?? textAt(keyStrindex),
    value.stringValue ?? value.intValue ?? textAt(value.stringValueStrindex),
  ]
  return resourceProfiles.flatMap(({ resource, scopeProfiles = [] }) =>
    scopeProfiles.flatMap(({ profiles = [] }) =>
      profiles.map((profile) => ({
        resource: Object.fromEntries((resource?.attributes ?? []).map(attribute)),
        profileId: profile.profileId,
        time: BigInt(profile.timeUnixNano),
        samples: samplesOf(profile),
      })),
    ),
  )
}

function samplesOf({ samples = [] }: Profile): number {
  let total = 0
  for (const { values = [], timestampsUnixNano = [] } of samples)
    total +=
      values.length === 0 ? timestampsUnixNano.length : values.reduce((sum, each) => sum + Number(each), 0)
  return total
}
