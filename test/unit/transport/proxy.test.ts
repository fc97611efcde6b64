import assert from 'node:assert/strict'
import { Agent, request } from 'node:http'
import { test } from 'node:test'
import { type Environment, proxyFor } from '../../../src/transport/proxy.ts'
import { forwardProxy, httpServer } from '../../support/endpoints.ts'

const chosen = (url: string, environment: Environment, protocol: 'http' | 'grpc' = 'http') =>
  proxyFor(new URL(url), protocol, environment)?.name

test('the variable of the URL’s scheme names the proxy, the lower-case one first', () => {
  const environment = { http_proxy: 'http://a:1', HTTP_PROXY: 'http://b:2', HTTPS_PROXY: 'http://c:3' }
  assert.equal(chosen('http://x/', environment), 'a:1')
  assert.equal(chosen('https://x/', environment), 'c:3')
  assert.equal(chosen('https://x/', { HTTP_PROXY: 'http://b:2' }), undefined)
  assert.equal(chosen('http://x/', { http_proxy: '', HTTP_PROXY: 'b:2' }), 'b:2')
})

test('gRPC uses grpc_proxy, https_proxy and http_proxy, whatever the scheme', () => {
  const environment = { HTTP_PROXY: 'http://h:1', https_proxy: 'http://s:2', GRPC_PROXY: 'http://g:3' }
  const { GRPC_PROXY: _, ...withoutGrpc } = environment
  assert.equal(chosen('http://x/', environment, 'grpc'), 'g:3')
  assert.equal(chosen('http://x/', withoutGrpc, 'grpc'), 's:2')
  assert.equal(chosen('https://x/', { http_proxy: 'http://h' }, 'grpc'), 'h:80')
  assert.equal(chosen('http://x/', { ...environment, no_grpc_proxy: 'x', no_proxy: 'y' }, 'grpc'), undefined)
})

test('NO_PROXY: names and those below them, networks, ranges and ports', () => {
  const passes = (url: string, exceptions: string): boolean =>
    chosen(url, { http_proxy: 'http://p', NO_PROXY: exceptions }) === undefined
  assert.ok(passes('http://a.example.com/', 'x, example.com'))
  assert.ok(passes('http://EXAMPLE.com./', 'example.com'))
  assert.ok(!passes('http://notexample.com/', 'example.com'))
  assert.ok(passes('http://10.1.2.3/', '10.0.0.0/8'))
  assert.ok(!passes('http://11.1.2.3/', '10.0.0.0/8,10.0.0.0/99,10.0.0.0/x'))
  assert.ok(passes('http://[fd00::1]:4318/', 'fd00::/8'))
  assert.ok(passes('http://[::1]:4318/', '[::1]:4318'))
  assert.ok(!passes('http://[::1]:4318/', '[::1]:80'))
  assert.ok(!passes('http://a/', ' , ,'))
})

test('credentials of a proxy are decoded, and are not in its name', () => {
  const proxy = proxyFor(new URL('http://x/'), 'http', { http_proxy: 'http://us%40er:p%3Aw@proxy:3128' })
  assert.equal(proxy?.name, 'proxy:3128')
  assert.equal(proxy?.authorization, `Basic ${Buffer.from('us@er:p:w').toString('base64')}`)
})

test('a proxy that is none is told by its variable, without its value', () => {
  for (const value of ['socks5://user:hunter2@x:1', 'http://user:hunter2@', 'http://user:hunter2@x:99999']) {
    assert.throws(
      () => chosen('http://x/', { HTTP_PROXY: value }),
      (error: Error) => /^HTTP_PROXY is not/.test(error.message) && !error.message.includes('hunter2'),
    )
  }
})

test('the choice is that of Node’s own proxyEnv, where Node has a rule', async (t) => {
  const direct = await httpServer(t, (_, response) => response.end('direct'))
  const { port } = new URL(direct)
  const proxy = await forwardProxy(t, () => 0)
  const nodeUsesProxy = (url: string, noProxy: string): Promise<boolean> => {
    const agent = new Agent({ proxyEnv: { HTTP_PROXY: proxy.url, NO_PROXY: noProxy } })
    const before = proxy.requests.length
    return new Promise((resolve, reject) => {
      const lookup = (_: string, options: { all?: boolean }, done: (...args: unknown[]) => void) =>
        options.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4)
      const asked = request(url, { agent, lookup: lookup as never }, (response) =>
        response.resume().on('end', () => resolve(proxy.requests.length > before)),
      )
      asked.on('error', reject).end()
    })
  }
  for (const [host, exceptions] of [
    ['example.test', '*'],
    ['example.test', 'example.test'],
    ['EXAMPLE.test', 'example.test'],
    ['example.test', 'other.test'],
    ['example.test', `example.test:${port}`],
    ['example.test', 'example.test:1'],
    ['a.example.test', '.example.test'],
    ['example.test', '.example.test'],
    ['a.example.test', '*.example.test'],
    ['127.0.0.1', '127.0.0.1'],
    ['127.0.0.1', '127.0.0.1-127.0.0.9'],
    ['127.0.0.1', '127.0.0.2-127.0.0.9'],
    ['127.0.0.1', 'other.test,127.0.0.1'],
  ] as const) {
    const url = `http://${host}:${port}/`
    const ours = chosen(url, { HTTP_PROXY: proxy.url, NO_PROXY: exceptions }) !== undefined
    assert.equal(ours, await nodeUsesProxy(url, exceptions), `${host} with NO_PROXY=${exceptions}`)
  }
})
