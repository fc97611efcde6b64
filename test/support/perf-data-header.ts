import { readFileSync } from 'node:fs'
import { readHeader } from '../../src/formats/perf-data/reader.ts'

/** The numbers of the features that a perf.data file announces. */
export const featureBitsOf = (file: string): readonly number[] => readHeader(readFileSync(file)).features
