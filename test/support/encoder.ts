import { randomBytes } from 'node:crypto'
import { compress } from '../../src/formats/compress.ts'
import { LocalEncoder } from '../../src/formats/encode.ts'

/** As the encoding thread has it, on the thread that asks. */
export const localEncoder = new LocalEncoder({ compress, randomBytes })
