// JavaScript: optimised and interpreted functions, builtins that call back, JSON, regular expressions, promises.
//   node busy.cjs SECONDS
const end = Date.now() + 1000 * Number(process.argv[2] ?? 1)

class Tree {
  constructor(depth) {
    this.value = depth
    this.children = depth > 0 ? [new Tree(depth - 1), new Tree(depth - 1)] : []
  }
  total() {
    return this.children.reduce((sum, child) => sum + child.total(), this.value)
  }
}

const fibonacci = (n) => (n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2))
const words = (seed) => Array.from({ length: 200 }, (_, index) => ((seed * index * 7919) % 100003).toString(36))
const sorted = (list) => list.map((word) => word.toUpperCase()).sort((one, other) => one.localeCompare(other))
const encoded = (list) => JSON.parse(JSON.stringify({ list, text: list.join(' ').replace(/[A-F]+/g, (m) => m.length) }))

async function turn(seed) {
  const all = sorted(words(seed))
  // Briefly: JSON.stringify has kilobytes on the stack.
  const list = encoded(all.slice(0, 10)).list
  const sums = await Promise.all([1, 2].map(async (n) => fibonacci(14 + n) + new Tree(6).total()))
  return list.length + sums.length
}

async function main() {
  for (let seed = 1; Date.now() < end; seed++) {
    // Seldom: libuv's poll has 12 KiB on the stack.
    for (let round = 0; round < 100; round++) await turn(seed)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

main()
