import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BoundedQueue } from '../../../src/base/bounded-queue.ts'

const drain = <Item>(queue: BoundedQueue<Item>): Item[] => {
  const items: Item[] = []
  for (let item = queue.shift(); item !== undefined; item = queue.shift()) items.push(item)
  return items
}

test('a queue gives back what it took, oldest first', () => {
  const queue = new BoundedQueue<string>({ maxItems: 3, maxBytes: 100, whenFull: 'drop_oldest' })
  for (const item of ['a', 'b', 'c']) assert.deepEqual(queue.push(item, 10), [])
  assert.equal(queue.bytes, 30)
  assert.deepEqual(drain(queue), ['a', 'b', 'c'])
  assert.equal(queue.bytes, 0)
})

test('a full queue drops its oldest items', () => {
  const queue = new BoundedQueue<string>({ maxItems: 2, maxBytes: 100, whenFull: 'drop_oldest' })
  queue.push('a', 1)
  queue.push('b', 1)
  assert.deepEqual(queue.push('c', 1), ['a'])
  assert.deepEqual(drain(queue), ['b', 'c'])
})

test('as many old items go as the bytes of the new one need', () => {
  const queue = new BoundedQueue<string>({ maxItems: 9, maxBytes: 100, whenFull: 'drop_oldest' })
  for (const item of ['a', 'b', 'c']) queue.push(item, 30)
  assert.deepEqual(queue.push('d', 70), ['a', 'b'])
  assert.equal(queue.bytes, 100)
})

test('a full queue that drops the newest keeps what it has', () => {
  const queue = new BoundedQueue<string>({ maxItems: 2, maxBytes: 100, whenFull: 'drop_newest' })
  queue.push('a', 1)
  queue.push('b', 1)
  assert.deepEqual(queue.push('c', 1), ['c'])
  assert.deepEqual(drain(queue), ['a', 'b'])
})

test('an item larger than the limit passes through an empty queue, and pushes everything else out', () => {
  const queue = new BoundedQueue<string>({ maxItems: 9, maxBytes: 100, whenFull: 'drop_oldest' })
  queue.push('a', 10)
  assert.deepEqual(queue.push('huge', 1_000), ['a'])
  assert.deepEqual(queue.push('b', 10), ['huge'])
  assert.deepEqual(drain(queue), ['b'])
})

test('a cleared queue is empty and says what it held', () => {
  const queue = new BoundedQueue<string>({ maxItems: 9, maxBytes: 100, whenFull: 'drop_oldest' })
  queue.push('a', 10)
  queue.push('b', 10)
  assert.deepEqual(queue.clear(), ['a', 'b'])
  assert.equal(queue.length + queue.bytes, 0)
})
