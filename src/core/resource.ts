// Whom samples belong to: what OpenTelemetry calls a resource, one for each process.

import type { ProfileBatch } from './profile.ts'

/** Where a service's name was found, the first that has one. */
export const SERVICE_NAME_SOURCES = [
  'rule',
  'environment',
  'workload',
  'container',
  'executable',
  'default',
] as const
export type ServiceNameSource = (typeof SERVICE_NAME_SOURCES)[number]

export interface ServiceName {
  readonly name: string
  readonly from: ServiceNameSource
}

/** A process, from an exec (or fork) to the next exec or its end. Plain data: it is sent to a worker as it is. */
export interface ProcessResource {
  readonly pid: number
  readonly service: ServiceName
  /** As the process sees it; '' where it is not known, and of kernel threads, which have none. */
  readonly executablePath: string
  /** Its last part; '' likewise. */
  readonly executableName: string
  /** Sixty-four hexadecimal digits, as the runtime has it; '' outside of containers and where it is not known. */
  readonly containerId: string
  /** Of its cgroup, from the hierarchy's root; '' where no sample tells it. A process that is moved becomes another one. */
  readonly cgroupPath: string
}

/** Whom each sample of a batch belongs to. */
export interface SampleResources {
  /** Distinct; [0] stands for processes of which nothing is known but the name of the service to use then. */
  readonly table: readonly ProcessResource[]
  /** Index into `table`, one for each sample of the batch; empty (length 0): nobody asked. */
  readonly ofSample: Uint32Array
}

export const NO_RESOURCES: SampleResources = { table: [], ofSample: new Uint32Array(0) }

/** Says whom the samples of a batch belong to, when its window closes, once for every consumer. Never rejects. */
export interface ResourceFinder {
  find(batch: ProfileBatch): Promise<SampleResources>
}
