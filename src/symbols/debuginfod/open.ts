import type { DebuginfodPolicy } from '../../core/symbol-policy.ts'
import type { Problems } from '../problems.ts'
import { Debuginfod } from './debuginfod.ts'

/** Undefined where nobody is to be asked; `problems` says why where somebody should be. */
export function openDebuginfod(
  policy: DebuginfodPolicy | undefined,
  problems: Problems,
): Debuginfod | undefined {
  if (policy === undefined) return undefined
  const { cacheDirectory } = policy
  if (cacheDirectory === undefined) {
    problems.add('debuginfod', 'no directory is known where files could be kept')
    return undefined
  }
  return new Debuginfod({
    policy: { ...policy, cacheDirectory },
    report: (problem) => problems.add('debuginfod', problem),
  })
}
