// Which of this machine's files and kernels may name a batch's frames.

import type { ProfileBatch } from '../core/profile.ts'
import type { NativeKernelFacts } from '../native/binding.ts'
import type { ImageGroup } from './frame-groups.ts'

/**
 * `live`: the batch was taken here and now, so processes show their files and the kernel is the one that runs.
 * `local-build-id`: it was taken at another time, perhaps elsewhere; what is here counts only where its build id, or of a
 * file without one its content hash, is the recorded one.
 */
export type Trust = 'live' | 'local-build-id'

/** Either may be looked up, or why not. */
export type Verdict<Allowed> =
  | ({ readonly allowed: true } & Allowed)
  | { readonly allowed: false; readonly reason: string }

/** How an image may be opened: through its processes, or by its path here with the build id as the proof. */
export interface ImageAccess {
  readonly pids: readonly number[]
  readonly device: bigint
  readonly inode: bigint
  /** '' where device and inode, or the build id, tell the file. */
  readonly contentHash: string
}

export function judgeImage(group: ImageGroup, trust: Trust, kernel: Verdict<object>): Verdict<ImageAccess> {
  const { image } = group
  switch (trust) {
    case 'live':
      return {
        allowed: true,
        pids: [...group.pids],
        device: image.device,
        inode: image.inode,
        contentHash: '',
      }
    case 'local-build-id':
      // The vdso is part of the kernel, where it has no build id of its own.
      if (image.kind === 'vdso' && image.buildId === '' && !kernel.allowed) return kernel
      if (image.kind === 'file' && image.buildId === '' && image.contentHash === undefined) {
        return { allowed: false, reason: 'the recording has neither a build id of it nor its content hash' }
      }
      return { allowed: true, pids: [], device: 0n, inode: 0n, contentHash: image.contentHash ?? '' }
  }
}

/** `recordedText`: what NativeSymbols.nameKernel shifts by. */
export function judgeKernel(
  batch: ProfileBatch,
  trust: Trust,
  facts: () => NativeKernelFacts,
): Verdict<{ readonly recordedText: bigint }> {
  switch (trust) {
    case 'live':
      return { allowed: true, recordedText: 0n }
    case 'local-build-id': {
      const recorded = batch.session.host.kernel
      if (recorded === undefined) {
        return { allowed: false, reason: 'the recording does not say which kernel it was, nor where it lay' }
      }
      if (recorded.buildId === '') {
        return { allowed: false, reason: 'the recording does not say which kernel it was' }
      }
      if (recorded.buildId !== facts().buildId) {
        return {
          allowed: false,
          reason: `another kernel runs here than the one recorded (build id ${recorded.buildId})`,
        }
      }
      return { allowed: true, recordedText: recorded.text }
    }
  }
}
