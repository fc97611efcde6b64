import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { systemClock } from '../../base/clock.ts'
import type { ProfileConsumer } from '../../core/consumer.ts'
import type { ConsumerContext } from '../../core/consumer-context.ts'
import type { Transport } from '../../core/delivery.ts'
import type { SampleLabel } from '../../core/encoder.ts'
import type { Outside } from '../../core/plugin.ts'
import type { Environment } from '../../core/setting-facts.ts'
import { datadogResponse } from '../../transport/datadog-response.ts'
import type { EndpointOptions } from '../../transport/endpoint.ts'
import { httpTransport } from '../../transport/http.ts'
import { openOutbox } from '../../transport/open-outbox.ts'
import { ProfileUpload } from '../../transport/profile-upload.ts'
import { said } from './agent-variables.ts'
import { TransportWithKeyFile } from './api-key.ts'
import { type ApiKey, destinationOf } from './destination.ts'
import type { DatadogPprofConfig } from './schema.ts'
import { mergedTags, parseTags, type Tag } from './tags.ts'
import { UPLOAD_FORMAT, Uploads } from './upload.ts'

export function openConsumer(config: DatadogPprofConfig, context: ConsumerContext): ProfileConsumer {
  const { environment, version } = context
  const sender = {
    name: 'datadog_pprof',
    transport: transportFor(config, environment, version),
    format: UPLOAD_FORMAT,
  }
  const labels: readonly SampleLabel[] = ['resource', ...config.labels]
  const uploads = new Uploads({
    profilerVersion: version,
    tags: tagsFor(config, environment),
    labels,
    boundary: () => `sonde-${randomUUID()}`,
  })
  return new ProfileUpload({
    name: sender.name,
    every: config.uploadInterval,
    limits: { maxBytes: config.maxProfileBytes, labels },
    outbox: openOutbox(sender, config, context),
    encode: async ({ profile, sessions }) => {
      const ids = sessions.map(({ id }) => id)
      const { compression } = config
      const encoded = await profile.payloads({ kind: 'datadog', sessions: ids, compression })
      return encoded.map((each) => uploads.payload(each, sessions))
    },
    context,
  })
}

/** @throws AgentError for destinations that cannot work */
export async function checkEndpoint(
  config: DatadogPprofConfig,
  { environment, version }: Outside,
): Promise<void> {
  await transportFor(config, environment, version).close()
  tagsFor(config, environment)
}

/** @throws AgentError for destinations that cannot work */
function transportFor(config: DatadogPprofConfig, environment: Environment, version: string): Transport {
  const destination = destinationOf(config, environment, existsSync)
  const options = { url: destination.url, userAgent: `sonde/${version}`, timeoutMs: config.timeout }
  switch (destination.via) {
    case 'agent':
      // An agent is near: proxies lead to the world outside.
      return httpTransport({ ...options, socketPath: destination.socketPath, judge: datadogResponse })
    case 'intake':
      return transportWithKey({ ...options, environment }, destination.apiKey)
  }
}

function transportWithKey(options: EndpointOptions, apiKey: ApiKey): Transport {
  const withKey = (key: string): Transport =>
    httpTransport({ ...options, headers: { 'dd-api-key': key }, judge: datadogResponse })
  switch (apiKey.in) {
    case 'configuration':
      return withKey(apiKey.value)
    case 'file':
      return new TransportWithKeyFile(
        { path: apiKey.path, limit: { timeoutMs: options.timeoutMs, clock: systemClock } },
        withKey,
      )
  }
}

function tagsFor(config: DatadogPprofConfig, environment: Environment): readonly Tag[] {
  const named = (env: string | undefined, version: string | undefined): readonly Tag[] => [
    ['env', env ?? ''],
    ['version', version ?? ''],
  ]
  return mergedTags(
    named(said(environment, 'DD_ENV'), said(environment, 'DD_VERSION')),
    parseTags(said(environment, 'DD_TAGS') ?? ''),
    named(config.env, config.version),
    Object.entries(config.tags),
  )
}
