// One sample of a recording, as every reader of it can tell it: what readers are compared by.

export interface RecordedFrame {
  readonly kernel: boolean
  /** In the process or the kernel. */
  readonly address: bigint
  /** Of user frames, in the file that is mapped there; the address itself where nothing is known of it. */
  readonly offset: bigint
  /** The path of what is mapped there; '' where it is not known. Of user frames only. */
  readonly path: string
}

export interface RecordedSample {
  readonly event: string
  readonly comm: string
  readonly pid: number
  readonly tid: number
  readonly cpu: number
  readonly time: bigint
  readonly period: bigint
  /** Leaf first. */
  readonly frames: readonly RecordedFrame[]
}

export interface Recording {
  readonly samples: readonly RecordedSample[]
  /** Samples that the recording says are lost. */
  readonly lost: bigint
}
