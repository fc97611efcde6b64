// What cannot be wanted at once.

import type { Remark, Spelling, StatedCollection } from './stated.ts'

export function contradictionsOf(stated: StatedCollection, spelling: Spelling): readonly Remark[] {
  const remarks: Remark[] = []
  if (stated.samplePeriod !== undefined && stated.sampleFrequencyHz !== undefined) {
    const message = `either ${spelling('samplePeriod')} or ${spelling('sampleFrequencyHz')}, not both`
    remarks.push({ field: 'sampleFrequencyHz', message })
  }
  if (stated.processFilters !== undefined && stated.cgroups !== undefined) {
    const message =
      `either ${spelling('processFilters')} or ${spelling('cgroups')}, not both: samples of what matches one of them would be taken, ` +
      'not of what matches both. Write two documents with different names for the one and the other, or leave out one of them'
    remarks.push({ field: 'cgroups', message })
  }
  if (stated.kernelStacks === false && stated.userStacks === false) {
    const message = `nothing is left of the stacks without ${spelling('kernelStacks')} and ${spelling('userStacks')}: one of them has to be true`
    remarks.push({ field: 'userStacks', message })
  }
  const twice = stated.consumers?.find((name, index, all) => all.indexOf(name) < index)
  if (twice !== undefined) remarks.push({ field: 'consumers', message: `'${twice}' stands here twice` })
  return remarks
}
