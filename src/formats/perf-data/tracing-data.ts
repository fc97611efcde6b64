// TRACING_DATA: what perf has to know of tracepoints before it reads a file with one. Of their fields Sonde's samples have
// those that all tracepoints have, so that nothing has to be asked of the machine.

import { EVENT_TYPE } from '../../core/profile.ts'
import type { EventAttr } from './attr.ts'
import { ByteWriter } from './bytes.ts'

/** What of FileEvent says which tracepoint it is. */
interface TracedEvent {
  readonly name: string
  readonly attr: Pick<EventAttr, 'type' | 'config'>
}

const PAGE_BYTES = 4096
const LONG_BYTES = 8

/** Undefined where none of the events is a tracepoint. */
export function tracingData(events: readonly TracedEvent[]): Uint8Array | undefined {
  const tracepoints = events.filter(({ attr }) => attr.type === EVENT_TYPE.tracepoint)
  if (tracepoints.length === 0) return undefined
  const writer = new ByteWriter()
    .bytes(Uint8Array.from([0x17, 0x08, 0x44]))
    .bytes(new TextEncoder().encode('tracing'))
    .bytes(terminated('0.6'))
    .bytes(Uint8Array.from([0, LONG_BYTES])) // little endian
    .u32(PAGE_BYTES)
  writeText(writer.bytes(terminated('header_page')), PAGE_HEADER)
  writeText(writer.bytes(terminated('header_event')), EVENT_HEADER)
  writer
    .u32(0) // events of ftrace
    .u32(tracepoints.length) // systems; one may come twice
  for (const { name, attr } of tracepoints) {
    const [system = '', event = system] = name.split(':')
    writeText(writer.bytes(terminated(system)).u32(1), formatText(event, attr.config))
  }
  // kallsyms, printk and the names of processes: none
  return writer.u32(0).u32(0).u64(0n).finish()
}

const terminated = (text: string): Uint8Array => new TextEncoder().encode(`${text}\0`)

function writeText(writer: ByteWriter, text: string): void {
  const bytes = new TextEncoder().encode(text)
  writer.u64(BigInt(bytes.length)).bytes(bytes)
}

/** Of the pages of ftrace's rings, which the file has none of; perf takes no file without. */
const PAGE_HEADER = `	field: u64 timestamp;	offset:0;	size:8;	signed:0;
	field: local_t commit;	offset:8;	size:8;	signed:1;
	field: int overwrite;	offset:8;	size:1;	signed:1;
	field: char data;	offset:16;	size:4080;	signed:1;
`
const EVENT_HEADER = '# entries of rings: none\n'

/** As the kernel has it in tracefs; the second empty line ends a list of no fields. */
const formatText = (name: string, id: bigint): string => `name: ${name}
ID: ${id}
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:unsigned char common_flags;	offset:2;	size:1;	signed:0;
	field:unsigned char common_preempt_count;	offset:3;	size:1;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;


print fmt: ""
`
