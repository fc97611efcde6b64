// DIRECTORY FIRST COUNT PAUSE-MS: so many versions of one collection, written as the kubelet does, by another process.

import { setTimeout as sleep } from 'node:timers/promises'
import { AtomicWriter } from './atomic-writer.ts'

const [directory = '', first = '', count = '', pause = ''] = process.argv.slice(2)
const writer = new AtomicWriter(directory)
for (let number = Number(first); number < Number(first) + Number(count); number++) {
  writer.write({ 'cpu.yaml': `collection cpu ${number} content-${number}` })
  await sleep(Number(pause))
}
