// spec.sampler.filter: which samples are wanted.

import * as z from 'zod'
import {
  EVERYTHING,
  type FilterRule,
  MAX_FILTER_RULES,
  MAX_ONE_IN,
  type SampleFilter,
  type SampleMatch,
} from '../core/sample-filter.ts'
import { cgroupMatchOf, commOf, MatchError, pidOf, uidOf } from '../core/sample-match.ts'

/** A value that `read` takes, with its message where it does not. */
const readBy = <In, Out>(schema: z.ZodType<In>, read: (value: In) => Out) =>
  schema.transform((value, context) => {
    try {
      return read(value)
    } catch (error) {
      if (!(error instanceof MatchError)) throw error
      context.addIssue({ code: 'custom', message: error.message })
      return z.NEVER
    }
  })

const number = z.number('expected a number')
const matchShape = {
  pid: readBy(number, (pid): SampleMatch => ({ by: 'pid', pid: pidOf(pid) })).optional(),
  tree: readBy(number, (pid): SampleMatch => ({ by: 'tree', pid: pidOf(pid) })).optional(),
  cgroup: readBy(z.union([z.string(), z.int()], 'expected a path or an id'), (cgroup) =>
    cgroupMatchOf(String(cgroup)),
  ).optional(),
  comm: readBy(
    z.string('expected a name'),
    (comm): SampleMatch => ({ by: 'comm', comm: commOf(comm, 'thread') }),
  ).optional(),
  process: readBy(
    z.string('expected a name'),
    (comm): SampleMatch => ({ by: 'process', comm: commOf(comm, 'process') }),
  ).optional(),
  uid: readBy(number, (uid): SampleMatch => ({ by: 'uid', uid: uidOf(uid) })).optional(),
  kernelThreads: z
    .literal(true, 'expected true')
    .transform((): SampleMatch => ({ by: 'kernel_thread' }))
    .optional(),
}
const MATCH_KEYS = Object.keys(matchShape)

type Matches = Readonly<Partial<Record<keyof typeof matchShape, SampleMatch | undefined>>>
const matchesOf = (shape: Matches): readonly SampleMatch[] =>
  Object.values(shape).filter((match) => typeof match === 'object')
const ONE_OF_THEM = `exactly one of ${MATCH_KEYS.join(', ')} is needed`

const matchSchema = z.strictObject(matchShape).refine((shape) => matchesOf(shape).length === 1, ONE_OF_THEM)

const thinSchema = z
  .strictObject({
    ...matchShape,
    oneIn: z
      .int('expected a whole number')
      .min(2, 'expected 2 or more')
      .max(MAX_ONE_IN, `expected ${MAX_ONE_IN} or less`),
  })
  .refine(({ oneIn: _, ...shape }) => matchesOf(shape).length === 1, ONE_OF_THEM)

const listOf = <Schema extends z.ZodType>(schema: Schema) =>
  z.array(schema, 'expected a list of matches').default([])

/** A SampleFilter, as documents spell it. */
export const filterSchema = z
  .strictObject({
    include: listOf(matchSchema).describe('Only samples that one of these matches'),
    exclude: listOf(matchSchema).describe('No samples that one of these matches'),
    thin: listOf(thinSchema).describe('Of what these match, one sample in oneIn, which counts as many'),
  })
  .refine(
    ({ include, exclude, thin }) => include.length + exclude.length + thin.length <= MAX_FILTER_RULES,
    `expected ${MAX_FILTER_RULES} rules or less`,
  )
  .transform(({ include, exclude, thin }): SampleFilter => {
    const rules: readonly FilterRule[] = [
      ...rulesThat('include', include),
      ...rulesThat('exclude', exclude),
      ...thin.flatMap(({ oneIn, ...shape }) =>
        matchesOf(shape).map((match): FilterRule => ({ action: 'thin', match, oneIn })),
      ),
    ]
    return rules.length === 0 ? EVERYTHING : { rules }
  })

const rulesThat = (action: 'include' | 'exclude', shapes: readonly Matches[]): readonly FilterRule[] =>
  shapes.flatMap((shape) => matchesOf(shape).map((match): FilterRule => ({ action, match })))

/** As a document spells it: what `filterSchema` reads. */
export function filterDocument({
  rules,
}: SampleFilter): Readonly<Record<FilterRule['action'], readonly object[]>> {
  const spelled = (action: FilterRule['action']): readonly object[] =>
    rules
      .filter((rule) => rule.action === action)
      .map((rule) => ({
        ...matchDocument(rule.match),
        ...(rule.action === 'thin' ? { oneIn: rule.oneIn } : {}),
      }))
  return { include: spelled('include'), exclude: spelled('exclude'), thin: spelled('thin') }
}

function matchDocument(match: SampleMatch): object {
  switch (match.by) {
    case 'pid':
    case 'tree':
      return { [match.by]: match.pid }
    case 'cgroup':
      return { cgroup: 'path' in match ? match.path : String(match.id) }
    case 'comm':
    case 'process':
      return { [match.by]: match.comm }
    case 'uid':
      return { uid: match.uid }
    case 'kernel_thread':
      return { kernelThreads: true }
  }
}
