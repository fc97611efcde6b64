// A real perf.data as another machine, an older perf or a pipe would have written it. Samples and what they need of processes stay;
// features and records of tools are left out.

export interface Rewriting {
  readonly order: 'little' | 'big'
  /** Of perf_event_attr, as older perfs knew it: 64 was the first. */
  readonly attrSize?: number
  readonly pipe?: true
}

const MAGIC = Buffer.from('PERFILE2')
const HEADER_SIZE = 104
const PIPE_HEADER_SIZE = 16
const NEWEST_ATTR = 128
const RECORD_HEADER = 8
const TYPE = {
  mmap: 1,
  lost: 2,
  comm: 3,
  exit: 4,
  fork: 7,
  sample: 9,
  mmap2: 10,
  lostSamples: 13,
  round: 68,
} as const
const HEADER_ATTR = 64
const MISC_MMAP_BUILD_ID = 1 << 14

/** Of sample_type: what stands in samples in front of the chain, in this order, and in trailers. */
const SAMPLE = {
  ip: 1n << 0n,
  tid: 1n << 1n,
  time: 1n << 2n,
  addr: 1n << 3n,
  callchain: 1n << 5n,
  id: 1n << 6n,
  cpu: 1n << 7n,
  period: 1n << 8n,
  streamId: 1n << 9n,
  identifier: 1n << 16n,
} as const
const KNOWN_SAMPLE_TYPE = Object.values(SAMPLE).reduce((all, bit) => all | bit, 0n)
const HALVES = 'halves'
const WHOLE = 'whole'

/** @throws where the file's samples have parts that this does not rewrite */
export function rewrittenPerfData(file: Buffer, { order, attrSize = NEWEST_ATTR, pipe }: Rewriting): Buffer {
  const swap = new Swapper(order === 'big')
  const events = eventsOf(file)
  const sampleType = events[0]?.attr.readBigUInt64LE(24) ?? 0n
  if (
    (sampleType & ~KNOWN_SAMPLE_TYPE) !== 0n ||
    events.some(({ attr }) => attr.readBigUInt64LE(24) !== sampleType)
  )
    throw new Error(`samples of type 0x${sampleType.toString(16)} cannot be rewritten`)
  const records = [...recordsOf(file)].flatMap((record) => rewrittenRecord(record, sampleType, swap) ?? [])
  const attrs = events.map(({ attr, ids }) => ({
    attr: rewrittenAttr(attr, attrSize, swap),
    ids: Buffer.concat(ids.map((id) => swap.u64(id))),
  }))
  if (pipe) return pipeOf(attrs, records, swap)
  return fileOf(attrs, records, swap)
}

interface RewrittenEvent {
  readonly attr: Buffer
  readonly ids: Buffer
}

function pipeOf(events: readonly RewrittenEvent[], records: readonly Buffer[], swap: Swapper): Buffer {
  const attrs = events.map(({ attr, ids }) => {
    const header = swap.recordHeader(HEADER_ATTR, 0, RECORD_HEADER + attr.length + ids.length)
    return Buffer.concat([header, attr, ids])
  })
  return Buffer.concat([swap.magic(), swap.u64(BigInt(PIPE_HEADER_SIZE)), ...attrs, ...records])
}

function fileOf(events: readonly RewrittenEvent[], records: readonly Buffer[], swap: Swapper): Buffer {
  const idsLength = events.reduce((sum, { ids }) => sum + ids.length, 0)
  const entrySize = (events[0]?.attr.length ?? 0) + 16
  const attrsAt = HEADER_SIZE + idsLength
  const dataAt = attrsAt + entrySize * events.length
  const dataLength = records.reduce((sum, { length }) => sum + length, 0)
  let idsAt = HEADER_SIZE
  const entries = events.map(({ attr, ids }) => {
    const entry = Buffer.concat([attr, swap.u64(BigInt(idsAt)), swap.u64(BigInt(ids.length))])
    idsAt += ids.length
    return entry
  })
  const words = [
    HEADER_SIZE,
    entrySize,
    attrsAt,
    entrySize * events.length,
    dataAt,
    dataLength,
    0,
    0,
    0,
    0,
    0,
    0,
  ]
  const header = [swap.magic(), ...words.map((word) => swap.u64(BigInt(word)))]
  return Buffer.concat([...header, ...events.map(({ ids }) => ids), ...entries, ...records])
}

/** Writes numbers, and turns those in place that are little-endian. */
class Swapper {
  readonly #swaps: boolean
  constructor(swaps: boolean) {
    this.#swaps = swaps
  }

  magic = (): Buffer => (this.#swaps ? Buffer.from(MAGIC).swap64() : MAGIC)

  u64(value: bigint): Buffer {
    const bytes = Buffer.alloc(8)
    bytes.writeBigUInt64LE(value)
    return this.#swaps ? bytes.swap64() : bytes
  }

  recordHeader(type: number, misc: number, size: number): Buffer {
    const bytes = Buffer.alloc(RECORD_HEADER)
    bytes.writeUInt32LE(type, 0)
    bytes.writeUInt16LE(misc, 4)
    bytes.writeUInt16LE(size, 6)
    this.turn(bytes, { u32: [0], u16: [4, 6] })
    return bytes
  }

  turn(bytes: Buffer, at: { readonly [Width in 'u16' | 'u32' | 'u64']?: readonly number[] }): void {
    if (!this.#swaps) return
    for (const each of at.u16 ?? []) bytes.subarray(each, each + 2).swap16()
    for (const each of at.u32 ?? []) bytes.subarray(each, each + 4).swap32()
    for (const each of at.u64 ?? []) bytes.subarray(each, each + 8).swap64()
  }

  /** Bit fields begin at the other end of each byte. */
  bitField(bytes: Buffer, at: number, length: number): void {
    if (!this.#swaps) return
    for (let each = at; each < at + length; each++) bytes[each] = reversed(bytes[each] ?? 0)
  }
}

const reversed = (byte: number): number =>
  [...Array(8).keys()].reduce((sum, bit) => sum | (((byte >> bit) & 1) << (7 - bit)), 0)

function rewrittenAttr(attr: Buffer, size: number, swap: Swapper): Buffer {
  const bytes = Buffer.alloc(size)
  attr.copy(bytes, 0, 0, size)
  bytes.writeUInt32LE(size, 4)
  const within = (at: number) => at < size
  swap.bitField(bytes, 40, 8)
  swap.turn(bytes, {
    u16: [108, 110].filter(within),
    u32: [0, 4, 48, 52, 88, 92, 104, 112, 116].filter(within),
    u64: [8, 16, 24, 32, 56, 64, 72, 80, 96, 120].filter(within),
  })
  return bytes
}

/** Undefined for records that are left out. */
function rewrittenRecord(record: Buffer, sampleType: bigint, swap: Swapper): Buffer | undefined {
  const type = record.readUInt32LE(0)
  const misc = record.readUInt16LE(4)
  const bytes = Buffer.from(record)
  const body = bodyOf(type, misc, record, sampleType)
  if (body === undefined) return undefined
  swap.turn(bytes, { u32: [0], u16: [4, 6] })
  swap.turn(bytes, body)
  if (type !== TYPE.sample && type !== TYPE.round) swap.turn(bytes, trailerOf(record.length, sampleType))
  return bytes
}

interface Places {
  readonly u32?: readonly number[]
  readonly u64?: readonly number[]
}

function bodyOf(type: number, misc: number, record: Buffer, sampleType: bigint): Places | undefined {
  switch (type) {
    case TYPE.mmap:
      return { u32: [8, 12], u64: [16, 24, 32] }
    case TYPE.mmap2:
      // A build id stands as bytes.
      return (misc & MISC_MMAP_BUILD_ID) !== 0
        ? { u32: [8, 12, 64, 68], u64: [16, 24, 32] }
        : { u32: [8, 12, 40, 44, 64, 68], u64: [16, 24, 32, 48, 56] }
    case TYPE.lost:
      return { u64: [8, 16] }
    case TYPE.lostSamples:
      return { u64: [8] }
    case TYPE.comm:
      return { u32: [8, 12] }
    case TYPE.exit:
    case TYPE.fork:
      return { u32: [8, 12, 16, 20], u64: [24] }
    case TYPE.round:
      return {}
    case TYPE.sample:
      return sampleOf(record, sampleType)
    default:
      return undefined
  }
}

function sampleOf(record: Buffer, sampleType: bigint): Places {
  const { identifier, ip, tid, time, addr, id, streamId, cpu, period, callchain } = SAMPLE
  const front = placesOf(RECORD_HEADER, sampleType, [
    [identifier, WHOLE],
    [ip, WHOLE],
    [tid, HALVES],
    [time, WHOLE],
    [addr, WHOLE],
    [id, WHOLE],
    [streamId, WHOLE],
    [cpu, HALVES],
    [period, WHOLE],
  ])
  if ((sampleType & callchain) === 0n) return front
  const words = Number(record.readBigUInt64LE(front.end)) + 1
  return { ...front, u64: [...front.u64, ...Array.from({ length: words }, (_, at) => front.end + at * 8)] }
}

function trailerOf(length: number, sampleType: bigint): Places {
  const { identifier, tid, time, id, streamId, cpu } = SAMPLE
  const parts = [
    [tid, HALVES],
    [time, WHOLE],
    [id, WHOLE],
    [streamId, WHOLE],
    [cpu, HALVES],
    [identifier, WHOLE],
  ] as const
  const size = placesOf(0, sampleType, parts).end
  return placesOf(length - size, sampleType, parts)
}

function placesOf(
  start: number,
  sampleType: bigint,
  parts: readonly (readonly [bit: bigint, typeof HALVES | typeof WHOLE])[],
): { readonly u32: readonly number[]; readonly u64: readonly number[]; readonly end: number } {
  const u32: number[] = []
  const u64: number[] = []
  let end = start
  for (const [bit, what] of parts) {
    if ((sampleType & bit) === 0n) continue
    if (what === WHOLE) u64.push(end)
    else u32.push(end, end + 4)
    end += 8
  }
  return { u32, u64, end }
}

function eventsOf(file: Buffer): readonly { readonly attr: Buffer; readonly ids: readonly bigint[] }[] {
  const [entrySize, at, size] = [16, 24, 32].map((each) => Number(file.readBigUInt64LE(each))) as [
    number,
    number,
    number,
  ]
  return Array.from({ length: size / entrySize }, (_, index) => {
    const entry = file.subarray(at + index * entrySize, at + (index + 1) * entrySize)
    const idsAt = Number(entry.readBigUInt64LE(entrySize - 16))
    const count = Number(entry.readBigUInt64LE(entrySize - 8)) / 8
    const ids = Array.from({ length: count }, (__, each) => file.readBigUInt64LE(idsAt + each * 8))
    return { attr: entry.subarray(0, entrySize - 16), ids }
  })
}

function* recordsOf(file: Buffer): Generator<Buffer> {
  const start = Number(file.readBigUInt64LE(40))
  const end = start + Number(file.readBigUInt64LE(48))
  for (let at = start; at < end; ) {
    const size = file.readUInt16LE(at + 6)
    yield file.subarray(at, at + size)
    at += size
  }
}
