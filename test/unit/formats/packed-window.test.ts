import assert from 'node:assert/strict'
import test from 'node:test'
import { packWindow, unpackWindow } from '../../../src/formats/packed-window.ts'
import { windowOf } from '../../support/profile-window.ts'

test('a window crosses to another thread as it is, its buffer without a copy', async () => {
  const window = windowOf({ samples: [{ stack: ['inner|outer@app', 'main@app', '@app'] }] })
  const crossed = unpackWindow(structuredClone(await packWindow(window)))
  assert.deepEqual(crossed.names, window.names)
  assert.deepEqual(crossed.sessions, window.sessions)
  new Uint8Array(window.buffer)[0] = 0xee
  assert.equal(new Uint8Array(crossed.buffer)[0], 0xee)
})

test('whom samples belong to crosses, the column without a copy', async () => {
  const window = windowOf({ samples: [{ stack: ['main@app'] }] })
  const service = { name: 'shop', from: 'environment' as const }
  const table = [
    { pid: 100, service, executablePath: '/app', executableName: 'app', containerId: '', cgroupPath: '' },
  ]
  const ofSample = new Uint32Array(new SharedArrayBuffer(4))
  const resources = new Map([[0, { table, ofSample }]])
  const crossed = unpackWindow(structuredClone(await packWindow({ ...window, resources })))
  assert.deepEqual(crossed.resources, resources)
  ofSample[0] = 7
  assert.equal(crossed.resources?.get(0)?.ofSample[0], 7)
})

test('names that several batches share are packed once', async () => {
  const window = windowOf({ samples: [{ stack: ['main@app'] }] })
  const [one, other] = await Promise.all([packWindow(window), packWindow({ ...window, sessions: [] })])
  assert.equal(one.names, other.names)
})
