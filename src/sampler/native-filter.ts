import { FILTER_ACTIONS, SAMPLE_MATCHES, type SampleFilter, type SampleMatch } from '../core/sample-filter.ts'
import type { NativeFilterRule } from '../native/binding.ts'

/** A filter as the addon takes it. */
export const nativeFilter = ({ rules }: SampleFilter): readonly NativeFilterRule[] =>
  rules.map((rule) => ({
    kind: SAMPLE_MATCHES.indexOf(rule.match.by),
    action: FILTER_ACTIONS.indexOf(rule.action),
    ...subjectOf(rule.match),
    oneIn: rule.action === 'thin' ? rule.oneIn : 1,
  }))

function subjectOf(match: SampleMatch): Pick<NativeFilterRule, 'value' | 'text'> {
  switch (match.by) {
    case 'pid':
    case 'tree':
      return { value: BigInt(match.pid), text: '' }
    case 'cgroup':
      return 'path' in match ? { value: 0n, text: match.path } : { value: match.id, text: '' }
    case 'comm':
    case 'process':
      return { value: 0n, text: match.comm }
    case 'uid':
      return { value: BigInt(match.uid), text: '' }
    case 'kernel_thread':
      return { value: 0n, text: '' }
  }
}
