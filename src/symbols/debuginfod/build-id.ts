// The GNU build id of an ELF file that came from outside: little-endian, 64 bits, read by its section headers.

import { type FileHandle, open } from 'node:fs/promises'

const HEADER_BYTES = 64
const SECTION_HEADER_BYTES = 64
const MAX_SECTIONS = 65_536
/** Notes of a file are a few hundred bytes. */
const MAX_NOTE_BYTES = 65_536
const SHT_NOTE = 7
const NT_GNU_BUILD_ID = 3

/** In hexadecimal; '' where the file has none, or is no such file. */
export async function buildIdOf(path: string): Promise<string> {
  const file = await open(path)
  try {
    for (const { offset, size } of await noteSections(file)) {
      const id = buildIdIn(await bytesAt(file, offset, size))
      if (id !== '') return id
    }
    return ''
  } finally {
    await file.close()
  }
}

async function noteSections(
  file: FileHandle,
): Promise<readonly { readonly offset: number; readonly size: number }[]> {
  const header = await bytesAt(file, 0, HEADER_BYTES)
  const isElf = header.length === HEADER_BYTES && header.subarray(0, 6).equals(ELF_64_LITTLE)
  if (!isElf || header.readUInt16LE(58) !== SECTION_HEADER_BYTES) return []
  const at = Number(header.readBigUInt64LE(40))
  const count = Math.min(header.readUInt16LE(60), MAX_SECTIONS)
  const table = await bytesAt(file, at, count * SECTION_HEADER_BYTES)
  const sections = []
  for (let from = 0; from + SECTION_HEADER_BYTES <= table.length; from += SECTION_HEADER_BYTES) {
    const offset = Number(table.readBigUInt64LE(from + 24))
    const size = Number(table.readBigUInt64LE(from + 32))
    if (table.readUInt32LE(from + 4) === SHT_NOTE && size <= MAX_NOTE_BYTES) sections.push({ offset, size })
  }
  return sections
}

const ELF_64_LITTLE = Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1])

/** Fewer where the file ends before; none where it would begin at no place. */
async function bytesAt(file: FileHandle, offset: number, size: number): Promise<Buffer> {
  if (!Number.isSafeInteger(offset + size)) return Buffer.alloc(0)
  const { bytesRead, buffer } = await file.read(Buffer.alloc(size), 0, size, offset)
  return buffer.subarray(0, bytesRead)
}

/** Notes: sizes of name and content, type, then both, each filled up to four bytes. */
function buildIdIn(notes: Buffer): string {
  const filled = (size: number) => (size + 3) & ~3
  for (let at = 0; at + 12 <= notes.length; ) {
    const nameSize = notes.readUInt32LE(at)
    const size = notes.readUInt32LE(at + 4)
    if (nameSize > notes.length || size > notes.length) return ''
    const name = notes.toString('latin1', at + 12, at + 12 + nameSize)
    const content = at + 12 + filled(nameSize)
    if (notes.readUInt32LE(at + 8) === NT_GNU_BUILD_ID && name === 'GNU\0') {
      return notes.toString('hex', content, content + size)
    }
    at = content + filled(size)
  }
  return ''
}
