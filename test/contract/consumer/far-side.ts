// What consumers of the catalogue need of the world besides a directory: one who sends needs somebody who takes it.

import type { RequestListener } from 'node:http'
import type { TestContext } from 'node:test'
import { httpServer } from '../../support/endpoints.ts'

export interface FarSide {
  /** The section of the configuration that a test begins with. */
  readonly section: Readonly<Record<string, unknown>>
  /** Requests that came so far; undefined: the consumer does not send. */
  readonly requests?: () => number
}

/** How an endpoint that is content answers, and how the section names it, by the consumer's type. */
const ENDPOINTS: Readonly<Record<string, { readonly key: string; readonly contentType: string }>> = {
  datadog_pprof: { key: 'url', contentType: 'application/json' },
  otlp_profiles: { key: 'endpoint', contentType: 'application/x-protobuf' },
}

/** A far side that takes everything, on loopback, until the test ends. */
export async function farSideOf(type: string, context: TestContext): Promise<FarSide> {
  const endpoint = ENDPOINTS[type]
  if (endpoint === undefined) return { section: {} }
  let requests = 0
  const take: RequestListener = (request, response) => {
    requests++
    request.resume().on('end', () => {
      response.setHeader('content-type', endpoint.contentType)
      response.end()
    })
  }
  return { section: { [endpoint.key]: await httpServer(context, take) }, requests: () => requests }
}
