// Functions of every sort, each with a name or line that a test can find. Argument: seconds.

import { createRequire } from 'node:module'
import { posix } from 'node:path'

const require = createRequire(import.meta.url)
const bundled = require('./bundled.cjs')

function spin(seed, rounds) {
  let sum = seed
  for (let i = 0; i < rounds; i++) sum = (sum * 31 + i) % 1000003
  return sum
}

class Shape {
  #size = 7

  static build(count) {
    return Array.from({ length: count }, () => new Shape())
  }

  area(rounds) {
    let sum = 0
    for (let i = 0; i < rounds; i++) sum += (this.#size * i) % 13
    return sum
  }

  get weight() {
    let sum = 0
    for (let i = 0; i < 20000; i++) sum += this.#size ^ i
    return sum
  }
}

async function fetchLike(seed) {
  await null
  return spin(seed, 20000)
}

const closures = (count) => Array.from({ length: count }, (_, i) => () => spin(i, 300))

function* series(count) {
  for (let i = 0; i < count; i++) yield spin(i, 100)
}

const evaluated = eval(
  '(function evaluated(n) { let s = 0; for (let i = 0; i < n; i++) s += i % 7; return s })\n//# sourceURL=evaluated.js',
)

function allocate(count) {
  const list = []
  for (let i = 0; i < count; i++) list.push({ i, text: `x${i}` })
  return list.map((it) => it.text.length).filter((length) => length > 2).length
}

const text = 'lorem ipsum dolor sit amet '.repeat(100)
const replaced = () => text.replace(/[aeiou](\w)/g, (_, next) => next.toUpperCase()).length
const sorted = () => Array.from({ length: 2000 }, (_, i) => (i * 7919) % 2003).sort((a, b) => a - b)[5]

function ofNode(rounds) {
  let sum = 0
  for (let i = 0; i < rounds; i++) sum += posix.normalize(`a/../${i}/./c/../d`).length
  return sum
}

async function main(until) {
  let sum = 0
  while (Date.now() < until) {
    sum += await fetchLike(3)
    for (const closure of closures(50)) sum += closure()
    for (const value of series(50)) sum += value
    const shapes = Shape.build(20)
    sum += shapes[3].area(20000) + shapes[4].weight
    sum += evaluated(20000) + allocate(4000) + replaced() + sorted() + bundled.entry(20000) + ofNode(300)
  }
  return sum
}

console.log(await main(Date.now() + Number(process.argv[2]) * 1000))
