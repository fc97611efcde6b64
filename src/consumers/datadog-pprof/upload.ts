// The upload of one profile: a multipart form with an event document, then the profile. The document, the tags and the
// headers are those of dd-otel-host-profiler (reporter/datadog_upload.go, datadog_reporter.go at fb31296, 2026-06).

import type { Payload } from '../../core/delivery.ts'
import type { EncodedPayload, SampleLabel, ServiceProfile } from '../../core/encoder.ts'
import type { SessionInfo } from '../../core/profile.ts'
import { DATADOG_PPROF } from '../../formats/pprof/dialect.ts'
import { eventInFileName } from '../../formats/profile/file-names.ts'
import { multipart } from '../../transport/multipart.ts'
import { mergedTags, type Tag, tagText } from './tags.ts'

/** Payload.format. */
export const UPLOAD_FORMAT = 'datadog-pprof-4'

const PROFILER = 'sonde'

export interface UploadOptions {
  /** Of Sonde. */
  readonly profilerVersion: string
  /** Of every profile; they do not replace what a profile says of itself. */
  readonly tags: readonly Tag[]
  readonly labels: readonly SampleLabel[]
  /** New each time, and in no profile: random. */
  readonly boundary: () => string
}

/** A profile, and what is known of it. */
interface Subject {
  readonly about: ServiceProfile
  readonly session: SessionInfo
  /** How many profiles of the service there were before. */
  readonly sequence: number
}

/** Services whose profiles are counted; of more than that the ones that were not seen for the longest time begin anew. */
const MAX_SERVICES = 10_000

export class Uploads {
  readonly #options: UploadOptions
  readonly #sequences = new Map<string, number>()

  constructor(options: UploadOptions) {
    this.#options = options
  }

  /** It says everything that is sent, but for what the destination wants: sent again it is the same to the byte. */
  payload({ body, samples, about }: EncodedPayload, sessions: readonly SessionInfo[]): Payload {
    const session = sessions.find(({ id }) => id === about?.session)
    if (about === undefined || session === undefined)
      throw new Error('the encoder does not say whose a profile is')
    const subject = { about, session, sequence: this.#nextOf(about.service) }
    const file = `${kindOf(session)}.pprof`
    const document = JSON.stringify(eventOf(subject, file, this.#options))
    const form = multipart(
      [
        {
          name: 'event',
          filename: 'event.json',
          contentType: 'application/json',
          bytes: Buffer.from(document),
        },
        { name: file, filename: file, contentType: 'application/octet-stream', bytes: body },
      ],
      this.#options.boundary(),
    )
    return {
      body: form.body,
      encoding: 'identity', // the profile within is compressed
      headers: { 'content-type': form.contentType, ...headersOf(about, this.#options) },
      format: UPLOAD_FORMAT,
      samples,
      profiles: 1,
    }
  }

  #nextOf(service: string): number {
    const sequence = this.#sequences.get(service) ?? 0
    this.#sequences.delete(service)
    this.#sequences.set(service, sequence + 1)
    const [oldest] = this.#sequences.keys()
    if (oldest !== undefined && this.#sequences.size > MAX_SERVICES) this.#sequences.delete(oldest)
    return sequence
  }
}

const kindOf = ({ event }: SessionInfo): string =>
  event.unit === 'nanoseconds' ? 'cpu' : eventInFileName(event.name)

function headersOf({ containerId }: ServiceProfile, { profilerVersion }: UploadOptions): Payload['headers'] {
  const origin = { 'dd-evp-origin': PROFILER, 'dd-evp-origin-version': profilerVersion }
  if (!/^[\w-]+$/.test(containerId)) return origin
  return { ...origin, 'datadog-container-id': containerId, 'datadog-entity-id': `ci-${containerId}` }
}

/** event.json, version 4. */
function eventOf(subject: Subject, file: string, options: UploadOptions): Readonly<Record<string, unknown>> {
  const { about, session } = subject
  const { hostname, osRelease } = session.host
  return {
    version: '4',
    family: 'ebpf',
    start: rfc3339(about.start),
    end: rfc3339(about.end),
    attachments: [file],
    tags_profiler: tagText(tagsOf(subject, options)),
    info: {
      application: { service: about.service },
      platform: { hostname, kernel_name: 'Linux', kernel_release: osRelease },
      profiler: { name: PROFILER, version: options.profilerVersion },
    },
  }
}

function tagsOf(
  { about, session, sequence }: Subject,
  { tags, labels, profilerVersion }: UploadOptions,
): Tag[] {
  const own: Tag[] = [
    ['runtime', 'ebpf'],
    ['remote_symbols', 'yes'],
    ['profiler_name', PROFILER],
    ['profiler_version', profilerVersion],
    ['cpu_arch', architectureOf(session)],
    ['profile_seq', String(sequence)],
    ['service', about.service],
    ['service_inferred', about.isInferred ? 'yes' : 'no'],
    ['host', session.host.hostname],
    ['profile_type', kindOf(session)],
    ['event_name', session.event.name],
    ['sonde_config', session.config?.name ?? ''],
    ['sonde_config_version', session.config?.version ?? ''],
  ]
  const { container, cpu } = DATADOG_PPROF.labels
  const shownLabels = labels.includes('cpu') ? [container, cpu] : [container]
  return [...mergedTags(own, tags), ...shownLabels.map((label): Tag => ['ddprof.custom_ctx', label])]
}

/** As Go calls it, and Datadog after it. */
function architectureOf({ host }: SessionInfo): string {
  const names: Readonly<Record<string, string>> = { x86_64: 'amd64', aarch64: 'arm64' }
  return names[host.arch] ?? host.arch
}

const rfc3339 = (unixNs: bigint): string => new Date(Number(unixNs / 1_000_000n)).toISOString()
