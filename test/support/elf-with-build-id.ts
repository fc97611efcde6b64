/** A 64-bit ELF file that has nothing but a note with its build id. */
export function elfWithBuildId(id: string): Buffer {
  const content = Buffer.from(id, 'hex')
  const note = Buffer.alloc(16 + content.length)
  note.writeUInt32LE(4, 0)
  note.writeUInt32LE(content.length, 4)
  note.writeUInt32LE(3, 8) // NT_GNU_BUILD_ID
  note.write('GNU\0', 12, 'latin1')
  content.copy(note, 16)
  const header = Buffer.alloc(64)
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
  header.writeBigUInt64LE(64n, 40) // section headers
  header.writeUInt16LE(64, 58)
  header.writeUInt16LE(2, 60)
  const sections = Buffer.alloc(128) // the first is empty
  sections.writeUInt32LE(7, 64 + 4) // SHT_NOTE
  sections.writeBigUInt64LE(192n, 64 + 24)
  sections.writeBigUInt64LE(BigInt(note.length), 64 + 32)
  return Buffer.concat([header, sections, note])
}
