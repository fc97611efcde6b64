// A vmlinux for tests: the functions that a list of symbols names, where they are, and a build id, but no code.

import { execFileSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'

interface Listed {
  readonly address: bigint
  readonly type: string
  readonly name: string
}

const MARKS = ['_text', '_stext', '_etext']

export function vmlinuxOf({ kallsyms, path }: { readonly kallsyms: string; readonly path: string }): void {
  const listed = symbolsIn(kallsyms)
  const addressOf = (wanted: string) => listed.find(({ name }) => name === wanted)?.address ?? 0n
  const [text, end] = [addressOf('_text'), addressOf('_etext')]
  const own = listed
    .filter(({ address }) => address >= text && address <= end)
    .sort((one, other) => (one.address < other.address ? -1 : 1))
  const ends = endsOf(own, end)
  const known = new Set<string>()
  const lines = ['.text', 'base:', `.skip ${end - text + 16n}`]
  for (const [index, { address, type, name }] of own.entries()) {
    if (known.has(name)) continue
    known.add(name)
    lines.push(`.set "${name}", base + ${address - text}`)
    if (type !== 't') lines.push(`.globl "${name}"`)
    if (MARKS.includes(name)) continue
    lines.push(`.type "${name}", @function`, `.size "${name}", ${(ends[index] ?? end) - address}`)
  }
  const [source, object] = [`${path}.s`, `${path}.o`]
  writeFileSync(source, `${lines.join('\n')}\n`)
  execFileSync('as', ['-o', object, source])
  execFileSync('ld', ['--build-id', '-e', '0', `-Ttext=0x${text.toString(16)}`, '-o', path, object])
  rmSync(source)
  rmSync(object)
}

/** Functions of the kernel itself. */
const symbolsIn = (kallsyms: string): Listed[] =>
  [...kallsyms.matchAll(/^([0-9a-f]+) ([tTwW]) ([A-Za-z_][\w.]*)$/gm)].map(
    ([, address = '', type = '', name = '']) => ({ address: BigInt(`0x${address}`), type, name }),
  )

/** Where the next function begins. */
function endsOf(symbols: readonly Listed[], end: bigint): readonly bigint[] {
  const ends: bigint[] = []
  let next = end
  for (let index = symbols.length - 1; index >= 0; index--) {
    const { address } = symbols[index]!
    const after = symbols[index + 1]?.address
    if (after !== undefined && after > address) next = after
    ends[index] = next
  }
  return ends
}
