// How a stack is followed, by perf's words (`perf record --call-graph`).

/**
 * `fp`: by frame pointers, in the kernel. `dwarf`: by the unwind rows of the files, from registers and bytes of the user
 * stack that the kernel copies with each sample.
 */
export type CallGraph =
  | { readonly method: 'fp' }
  | {
      readonly method: 'dwarf'
      /** Bytes of the user stack with each sample (perf_event_attr.sample_stack_user). */
      readonly stackBytes: number
    }

/** As CallGraph; without bytes, as many as the back-end takes best. */
export type CallGraphRequest =
  | { readonly method: 'fp' }
  | { readonly method: 'dwarf'; readonly stackBytes: number | undefined }

export const CALL_GRAPH_METHODS = ['fp', 'dwarf'] as const satisfies readonly CallGraph['method'][]

export const DEFAULT_STACK_BYTES = 8192
export const MIN_STACK_BYTES = 256
/** A record of the kernel ends below 64 KiB, and registers and the kernel's frames stand in it too. */
export const MAX_STACK_BYTES = 32_768

/** As the kernel wants them, a multiple of 8; undefined where they are out of range. */
export function roundedStackBytes(bytes: number): number | undefined {
  const rounded = Math.ceil(bytes / 8) * 8
  return rounded >= MIN_STACK_BYTES && rounded <= MAX_STACK_BYTES ? rounded : undefined
}

export const STACK_BYTES_RANGE = `expected ${MIN_STACK_BYTES} to ${MAX_STACK_BYTES} bytes: a record of the kernel ends below 64 KiB`

/** Bytes of the user stack that are copied with each sample; 0: none are. */
export const stackBytesOf = (callGraph: CallGraph): number =>
  callGraph.method === 'dwarf' ? callGraph.stackBytes : 0
