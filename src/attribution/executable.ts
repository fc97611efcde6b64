import { baseName } from '../core/frame-label.ts'

/** As it was before it was deleted: a program that is upgraded runs on. */
export const withoutDeletion = (path: string): string => path.replace(/ \(deleted\)$/, '')

/** The last part of an executable's path; of memory that was executed (memfd_create) the name that it was given. */
export function executableNameOf(path: string): string {
  const memory = /^\/memfd:([^:/]*)/.exec(path)?.[1]
  return memory ?? (path === '' ? '' : baseName(path))
}
