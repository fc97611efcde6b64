// Takes OTLP spans in JSON, as a collector does.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'

interface WireAttribute {
  readonly key: string
  readonly value: { readonly stringValue?: string; readonly intValue?: number }
}

interface WireSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly attributes: readonly WireAttribute[]
  readonly status: { readonly code: number; readonly message?: string }
  readonly events: readonly { readonly name: string }[]
}

interface WireRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly WireAttribute[] }
    readonly scopeSpans: readonly {
      readonly scope: { readonly name: string; readonly version: string }
      readonly spans: readonly WireSpan[]
    }[]
  }[]
}

export interface TraceCollector {
  readonly url: string
  readonly requests: readonly WireRequest[]
  spans(): readonly WireSpan[]
  /** The one span of that name. */
  span(name: string): WireSpan
}

/** @param status what it answers with */
export async function traceCollector(context: TestContext, status = 200): Promise<TraceCollector> {
  const requests: WireRequest[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (piece) => {
      body += String(piece)
    })
    request.on('end', () => {
      requests.push(JSON.parse(body) as WireRequest)
      response.writeHead(status, { 'content-type': 'application/json' }).end('{}')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  context.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const spans = (): readonly WireSpan[] =>
    requests.flatMap((request) =>
      request.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)),
    )
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`,
    requests,
    spans,
    span(name) {
      const found = spans().filter((span) => span.name === name)
      const [only] = found
      if (only === undefined || found.length > 1) {
        throw new Error(`${found.length} spans ${name} among ${spans().map((span) => span.name)}`)
      }
      return only
    },
  }
}
