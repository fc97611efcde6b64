// Turns spans on where somebody takes them. The SDK is loaded only then: it is 40 MB that nobody else pays for.

import { hostname } from 'node:os'
import type { ConsumerContext } from '../core/consumer-context.ts'
import { messageOf } from '../core/errors.ts'
import { type Environment, tracesEndpointOf } from './endpoint.ts'
import { ownResource } from './resource.ts'

export interface TracingOptions {
  readonly environment: Environment
  /** Sonde's. */
  readonly version: string
  readonly log: ConsumerContext['log']
}

export interface Tracing {
  /** Sends what there is, within `ms`. Never rejects; safe twice. */
  close(ms: number): Promise<void>
}

const NO_TRACING: Tracing = { close: async () => undefined }

/** Never rejects: profiles do not depend on it. */
export async function openTracing({ environment, version, log }: TracingOptions): Promise<Tracing> {
  const endpoint = tracesEndpointOf(environment)
  switch (endpoint.send) {
    case 'nowhere':
      return NO_TRACING
    case 'impossible':
      log('warn', `Sonde's own traces are not sent: ${endpoint.why}.`)
      return NO_TRACING
    case 'to':
      break
  }
  try {
    const { startSdk } = await import('./sdk.ts')
    const attributes = ownResource(environment, { version, hostname: hostname() })
    return startSdk({ url: endpoint.url, attributes, log })
  } catch (error) {
    log('warn', `Sonde's own traces are not sent: the SDK cannot be started: ${messageOf(error)}`)
    return NO_TRACING
  }
}
