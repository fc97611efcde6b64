import assert from 'node:assert/strict'
import { test } from 'node:test'
import { attributeIn, serviceIn, variablesIn } from '../../../src/attribution/environment.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const service = (variables: Readonly<Record<string, string>>): string =>
  serviceIn(new Map(Object.entries(variables)))

test('of an environment only what is wanted is kept', () => {
  const text = 'PATH=/bin\0SECRET=hunter2\0EMPTY=\0A=b=c\0ä=ö\0'
  assert.deepEqual(
    [...variablesIn(bytes(text), new Set(['A', 'EMPTY', 'ä', 'MISSING']))],
    [
      ['EMPTY', ''],
      ['A', 'b=c'],
      ['ä', 'ö'],
    ],
  )
})

test('the first of two counts, and what was cut off does not', () => {
  const wanted = new Set(['A', 'B'])
  assert.deepEqual([...variablesIn(bytes('A=1\0A=2\0B=long val'), wanted)], [['A', '1']])
  assert.equal(variablesIn(bytes('\0\0=x\0A\0'), wanted).size, 0)
})

test('a process names its service by the first variable that has something in it', () => {
  const all = {
    OTEL_SERVICE_NAME: 'one',
    OTEL_RESOURCE_ATTRIBUTES: 'service.name=two',
    DD_SERVICE: 'three',
  }
  assert.equal(service(all), 'one')
  assert.equal(service({ ...all, OTEL_SERVICE_NAME: '' }), 'two')
  assert.equal(service({ ...all, OTEL_SERVICE_NAME: ' \u0007 ', OTEL_RESOURCE_ATTRIBUTES: 'a=b' }), 'three')
  assert.equal(service({ DD_SERVICE: '' }), '')
  assert.equal(service({}), '')
})

test('resource attributes are percent-decoded, and the last of two counts', () => {
  assert.equal(
    attributeIn('deployment.environment=prod, service.name = shop%2Cfront%20%C3%A4 ', 'service.name'),
    'shop,front ä',
  )
  assert.equal(attributeIn('service.name=a=b,', 'service.name'), 'a=b')
  assert.equal(attributeIn('service.name=a,service.name=b', 'service.name'), 'b')
  assert.equal(attributeIn('service%2Ename=a', 'service.name'), 'a')
})

test('of malformed resource attributes nothing is used', () => {
  assert.equal(attributeIn('service.name=a,other=%zz', 'service.name'), '')
  assert.equal(attributeIn('service.name=a,novalue', 'service.name'), '')
  assert.equal(attributeIn('service.name=%ff', 'service.name'), '')
})

test('names lose what is not printable, and end after 200 characters', () => {
  assert.equal(service({ DD_SERVICE: ' \u001b[31mshop\u202e\u2028\u0085\u007f\n ' }), '[31mshop')
  assert.equal(service({ DD_SERVICE: 'ä'.repeat(300) }), 'ä'.repeat(200))
  assert.equal(service({ DD_SERVICE: '🦊'.repeat(300) }), '🦊'.repeat(200))
})
