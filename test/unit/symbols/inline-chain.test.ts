import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NO_OFFSET } from '../../../src/native/binding.ts'
import { type AddressLines, chainOf, type Place } from '../../../src/symbols/inline-chain.ts'

const place = (name: string, line: number): Place => ({
  named: name === '' ? undefined : { function: `${name}()`, systemName: `_Z${name}` },
  file: 'shop.cc',
  line,
})
const lines = (places: readonly Place[], fromStart: number, fromEntry = fromStart): AddressLines => ({
  places,
  fromStart,
  fromEntry,
})
const symbol = (systemName: string, offset: number) => ({
  named: { function: 'symbol', systemName },
  offset,
})
const read = (chain: ReturnType<typeof chainOf>) =>
  chain?.map(({ function: name, systemName, line, offset }) => `${name} ${systemName} ${line} +${offset}`)

test('the symbol names the outermost function, DWARF what is inlined in it', () => {
  const chain = chainOf(symbol('_Zouter', 16), lines([place('inner', 3), place('outer', 9)], 16))
  assert.deepEqual(read(chain), ['inner() _Zinner 3 +0', 'symbol _Zouter 9 +16'])
  assert.equal(chain?.[0]?.file, 'shop.cc')
})

test('a function of another name that begins where the symbol does is the same: one function may have two names', () => {
  const chain = chainOf(symbol('alias', 16), lines([place('outer', 9)], 16))
  assert.deepEqual(read(chain), ['symbol alias 9 +16'])
})

test('where the symbol is another function, its name stays and no line is added', () => {
  assert.equal(chainOf(symbol('_Zother', 20), lines([place('inner', 3), place('outer', 9)], 16)), undefined)
})

for (const addition of ['.cold', '.part.0', '.constprop.1.isra.0', '.llvm.12345', '@@GLIBC_2.2.5', '@plt']) {
  test(`a part or copy of a function is that function: ${addition}`, () => {
    const chain = chainOf(symbol(`_Zouter${addition}`, 4), lines([place('outer', 9)], 16))
    assert.deepEqual(read(chain), [`symbol _Zouter${addition} 9 +4`])
  })
}

test('a part that lies apart begins where its symbol does, or its function is entered there', () => {
  assert.ok(chainOf(symbol('x', 7), lines([place('outer', 9)], 7, NO_OFFSET)))
  assert.ok(chainOf(symbol('x', 7), lines([place('outer', 9)], 1, 7)))
})

test('without a symbol DWARF names the function', () => {
  const chain = chainOf(null, lines([place('inner', 3), place('outer', 9)], 16))
  assert.deepEqual(read(chain), ['inner() _Zinner 3 +0', 'outer() _Zouter 9 +16'])
})

test('without a symbol and without a function there is no name', () => {
  assert.equal(chainOf(null, lines([place('', 9)], NO_OFFSET)), undefined)
  assert.equal(chainOf(null, lines([place('', 9)], 3)), undefined)
})

test('assembly, which has no function in DWARF, has the line of its symbol', () => {
  const chain = chainOf(symbol('memcpy', 5), lines([place('', 77)], NO_OFFSET, NO_OFFSET))
  assert.deepEqual(read(chain), ['symbol memcpy 77 +5'])
})

test('a function without a name that does not begin at the symbol adds nothing', () => {
  assert.equal(chainOf(symbol('memcpy', 5), lines([place('', 77)], 9)), undefined)
})

test('where DWARF says nothing, nothing is added', () => {
  assert.equal(chainOf(symbol('_Zouter', 16), lines([], NO_OFFSET)), undefined)
})
