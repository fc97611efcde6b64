// The texts of configuration that a command is given: files, directories of them, standard input.

import { isUtf8 } from 'node:buffer'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { scanDirectory } from '../config/directory-scan.ts'
import { readFileText } from '../config/file-text.ts'
import { AgentError } from '../core/errors.ts'

/** Stands for standard input. */
export const STDIN = '-'

export type ConfigText =
  | { readonly is: 'text'; readonly file: string; readonly text: string }
  | { readonly is: 'unreadable'; readonly file: string; readonly problem: string }

/** Of a directory, what an agent would read of it. */
export async function configTexts(path: string): Promise<readonly ConfigText[]> {
  if (path === STDIN) return [standardInput()]
  if (!isDirectory(path)) return [await fileAt(path)]
  const { directory, files } = await scanDirectory(path)
  switch (directory.is) {
    case 'unreadable':
      return [{ is: 'unreadable', file: path, problem: directory.problem }]
    case 'missing':
      return [{ is: 'unreadable', file: path, problem: NOTHING_THERE }]
    case 'present':
      return files.filter((file) => file.is !== 'ignored')
  }
}

/** @throws AgentError `CONFIG.UNREADABLE` */
export async function configText(path: string): Promise<Extract<ConfigText, { is: 'text' }>> {
  const read = path === STDIN ? standardInput() : await fileAt(path)
  if (read.is === 'text') return read
  throw new AgentError('CONFIG.UNREADABLE', `${read.file} ${read.problem}.`)
}

const NOTHING_THERE = 'does not exist'

async function fileAt(file: string): Promise<ConfigText> {
  const read = await readFileText(file)
  return read.is === 'gone' ? { is: 'unreadable', file, problem: NOTHING_THERE } : { ...read, file }
}

const isDirectory = (path: string): boolean => existsSync(path) && statSync(path).isDirectory()

function standardInput(): ConfigText {
  const file = 'standard input'
  const bytes = readFileSync(0)
  if (!isUtf8(bytes)) return { is: 'unreadable', file, problem: 'is not UTF-8 text' }
  return { is: 'text', file, text: bytes.toString('utf8') }
}
