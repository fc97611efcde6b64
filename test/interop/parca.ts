// A Parca that keeps everything in memory, and its query API.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { freePort } from '../support/endpoints.ts'
import { start, tools, until } from './tools.ts'

export interface Parca {
  readonly url: string
  /** pprof of everything that the labels select (`service_name="x"`); undefined where there is nothing. */
  query(labels: string): Promise<Uint8Array | undefined>
  /** All there are. */
  labels(): Promise<readonly string[]>
}

/** What Sonde's CPU samples are called: the scope's name, then sample type and period type. */
const PROFILE_TYPE = 'sonde:samples:count:cpu:nanoseconds:delta'

export async function startParca(t: TestContext, directory: string): Promise<Parca> {
  const port = await freePort()
  const objects = { bucket: { type: 'FILESYSTEM', config: { directory: join(directory, 'objects') } } }
  writeFileSync(join(directory, 'parca.yaml'), JSON.stringify({ object_storage: objects }))
  start(t, [
    tools.parca,
    ...[`--config-path=${join(directory, 'parca.yaml')}`, `--http-address=127.0.0.1:${port}`],
    ...[`--storage-path=${join(directory, 'storage')}`, `--debuginfo-cache-dir=${join(directory, 'cache')}`],
    '--debuginfod-upstream-servers=http://127.0.0.1:9', // it would ask a public one
  ])
  const url = `http://127.0.0.1:${port}`
  await until('Parca answers', () =>
    fetch(`${url}/ready`).then(
      ({ ok }) => ok || undefined,
      () => undefined,
    ),
  )
  const since = new Date(Date.now() - 3_600_000)
  return {
    url,
    async query(labels) {
      const question = new URLSearchParams({
        reportType: 'REPORT_TYPE_PPROF',
        mode: 'MODE_MERGE',
        'merge.query': `${PROFILE_TYPE}{${labels}}`,
        'merge.start': since.toISOString(),
        'merge.end': new Date(Date.now() + 60_000).toISOString(),
      })
      const answer = (await (await fetch(`${url}/api/profiles/query?${question}`)).json()) as {
        pprof?: string
      }
      return answer.pprof === undefined ? undefined : Buffer.from(answer.pprof, 'base64')
    },
    async labels() {
      const answer = await (await fetch(`${url}/api/profiles/labels`)).json()
      return (answer as { labelNames?: readonly string[] }).labelNames ?? []
    },
  }
}
