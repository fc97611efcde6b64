// The window buffer is described twice, in TypeScript and in C++. This compares the two.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { KERNEL_SYMBOL_KINDS } from '../../../src/core/kernel-code.ts'
import { LEFT_OUT_REASONS, LOSS_REASONS } from '../../../src/core/loss.ts'
import {
  ADDRESS_SPACES,
  IMAGE_KINDS,
  IMAGE_RUNTIMES,
  PROCESS_EVENT_KINDS,
} from '../../../src/core/process.ts'
import { FRAME_KINDS, NOTICE_KINDS, STACK_STATES } from '../../../src/core/profile.ts'
import {
  HEADER_BYTES,
  SECTION_BYTES,
  SECTIONS,
  SHARED,
  WINDOW_MAGIC,
  WINDOW_VERSION,
} from '../../../src/core/window-layout.ts'

const header = readFileSync(
  join(import.meta.dirname, '../../../native/core/perf/window_layout.h'),
  'utf8',
).replaceAll(/\/\/.*$/gm, '')

/** `kStackState` → `stackState`, `kFileOffset` → `fileOffset`. */
const withoutK = (name: string): string => name.charAt(1).toLowerCase() + name.slice(2)
const snakeCase = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

test('C++ and TypeScript have the same sections, with the same numbers and widths', () => {
  const found = [...header.matchAll(/Section (k\w+)\{(\d+), (\d+)\}/g)].map(
    ([, name = '', kind, width]): [string, number[]] => [withoutK(name), [Number(kind), Number(width)]],
  )
  assert.deepEqual(Object.fromEntries(found), SECTIONS)
})

test('C++ and TypeScript begin a window with the same bytes', () => {
  const constant = (name: string): number =>
    Number(new RegExp(`uint32_t ${name} = (\\w+);`).exec(header)?.[1])
  assert.deepEqual(['kMagic', 'kVersion', 'kHeaderBytes', 'kSectionBytes', 'kShared'].map(constant), [
    WINDOW_MAGIC,
    WINDOW_VERSION,
    HEADER_BYTES,
    SECTION_BYTES,
    SHARED,
  ])
})

const LISTS: Readonly<Record<string, readonly string[]>> = {
  LossReason: LOSS_REASONS,
  LeftOutReason: LEFT_OUT_REASONS,
  StackState: STACK_STATES,
  FrameKind: FRAME_KINDS,
  ImageKind: IMAGE_KINDS,
  ImageRuntime: IMAGE_RUNTIMES,
  AddressSpaceKind: ADDRESS_SPACES,
  ProcessEventKind: PROCESS_EVENT_KINDS,
  NoticeKind: NOTICE_KINDS,
  KernelSymbolKind: KERNEL_SYMBOL_KINDS,
}

test('C++ and TypeScript give the same codes', () => {
  const found = [...header.matchAll(/enum class (\w+) : uint8_t \{([^}]*)\}/g)].map(
    ([, name = '', members = '']): [string, string[]] => [
      name,
      [...members.matchAll(/k\w+/g)].map(([member]) => snakeCase(withoutK(member))),
    ],
  )
  assert.deepEqual(Object.fromEntries(found), LISTS)
})
