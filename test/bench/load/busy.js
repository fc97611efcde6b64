const end = Date.now() + Number(process.argv[2]) * 1000
const walk = (node, depth) => depth === 0 ? node.length : [1, 2].map((n) => walk(node + n, depth - 1)).reduce((a, b) => a + b, 0)
let total = 0
while (Date.now() < end) {
  total += walk('x', 8)
  const rows = Array.from({ length: 300 }, (_, i) => ({ id: (i * 7919) % 311, name: `row ${i}` }))
  rows.sort((a, b) => a.id - b.id)
  total += JSON.stringify(rows).length
}
