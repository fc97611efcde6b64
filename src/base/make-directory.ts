import { chmod, mkdir, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

/**
 * Makes a directory and what is missing above it; what was made has `mode`, whatever the umask is. One after another:
 * Node's own `recursive` tries for ever where the parent exists and the kernel answers ENOENT, as below /proc.
 */
export async function makeDirectory(path: string, mode: number): Promise<void> {
  const missing: string[] = []
  for (let each = resolve(path); !(await isDirectory(each)); each = dirname(each)) missing.push(each)
  for (const each of missing.reverse()) await makeOne(each, mode)
}

/** Who may read the files in it may enter a directory. */
export const directoryModeFor = (fileMode: number): number => fileMode | ((fileMode & 0o444) >> 2) | 0o700

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' && dirname(path) !== path) return false
    throw error
  }
}

async function makeOne(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, mode)
  } catch (error) {
    // Somebody else may have made it meanwhile; its mode is theirs to choose.
    if ((error as NodeJS.ErrnoException).code === 'EEXIST' && (await isDirectory(path))) return
    throw error
  }
  await chmod(path, mode)
}
