import { join } from 'node:path'
import { obtain, PERF_LINES } from './perfs.ts'

/** Where perfs and recordings are kept. */
export const CORPUS_DIRECTORY =
  process.env.SONDE_CORPUS_DIR ?? join(import.meta.dirname, '../../build/corpus')

/** `SONDE_CORPUS_ONLY=6.1,newest` */
const only = process.env.SONDE_CORPUS_ONLY?.split(',')

/** Each with its perf, or with why it cannot be had. */
export const PERFS = PERF_LINES.filter(({ name }) => only?.includes(name) ?? true).map((line) => ({
  line,
  found: obtain(line, CORPUS_DIRECTORY),
}))
