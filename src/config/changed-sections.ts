// What else changed in a configuration of which only the filter is taken over while the agent runs.

import { isDeepStrictEqual } from 'node:util'
import { readYaml } from './yaml-document.ts'

type Section = Readonly<Record<string, unknown>>

/** Nothing is an empty section. */
const sectionAt = (value: unknown, key: string): Section => {
  const section = typeof value === 'object' && value !== null ? (value as Section)[key] : undefined
  return typeof section === 'object' && section !== null ? (section as Section) : {}
}

const changedKeys = (before: Section, after: Section): readonly string[] =>
  [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (key) => !isDeepStrictEqual(before[key], after[key]),
  )

/** The sections of two valid documents that differ, but for the filter: `sampler.window`, `consumers`. */
export function changedSections(before: string, after: string): readonly string[] {
  const [old, changed] = [before, after].map((text) => sectionAt(readYaml(text, '').value, 'spec'))
  if (old === undefined || changed === undefined) return []
  const ofSampler = changedKeys(sectionAt(old, 'sampler'), sectionAt(changed, 'sampler'))
    .filter((key) => key !== 'filter')
    .map((key) => `sampler.${key}`)
  return [...ofSampler, ...changedKeys({ ...old, sampler: 0 }, { ...changed, sampler: 0 })]
}
