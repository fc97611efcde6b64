// A file under way: `<final name>.part`, locked while it is written, renamed when it is finished.

import { constants } from 'node:fs'
import { type FileHandle, open, rename, stat, unlink } from 'node:fs/promises'

export const PART = '.part'

/** What is to take the place of `<final name>.part` is called `<final name>.packed.part` until it does. */
export const PACKED = '.packed'

export type TryLock = (fd: number) => boolean

/** An open and locked `.part` file. */
export class PartFile {
  /** The path it gets when it is finished. */
  readonly target: string
  readonly #handle: FileHandle
  readonly #path: string

  private constructor(handle: FileHandle, target: string) {
    this.#handle = handle
    this.target = target
    this.#path = target + PART
  }

  /**
   * Makes `<target>.part`. Undefined where it exists: what is there is never written over.
   */
  static async create(target: string, mode: number, tryLock: TryLock): Promise<PartFile | undefined> {
    let handle: FileHandle
    try {
      handle = await open(target + PART, 'wx+', mode)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined
      throw error
    }
    const part = new PartFile(handle, target)
    try {
      await handle.chmod(mode) // whatever the umask is
      if (await part.#lock(tryLock)) return part
      // An agent that starts just now took it for a dead one's: it is that agent's to remove.
      await handle.close()
      return undefined
    } catch (error) {
      await part.discard().catch(() => undefined)
      throw error
    }
  }

  /** Opens the `.part` of a process that is gone. Undefined where a living one holds it, or it has just been renamed. */
  static async adopt(target: string, tryLock: TryLock): Promise<PartFile | undefined> {
    let handle: FileHandle
    try {
      handle = await open(target + PART, constants.O_RDWR | constants.O_NOFOLLOW)
    } catch (error) {
      if (['ENOENT', 'ELOOP'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
      throw error
    }
    const part = new PartFile(handle, target)
    try {
      if (await part.#lock(tryLock)) return part
    } catch (error) {
      await handle.close()
      throw error
    }
    await handle.close()
    return undefined
  }

  /** A lock counts only while the name still leads to the file that was locked. */
  async #lock(tryLock: TryLock): Promise<boolean> {
    return tryLock(this.#handle.fd) && (await this.isInPlace())
  }

  /** Whether the name still leads to this file: nobody deleted or replaced it. */
  async isInPlace(): Promise<boolean> {
    const own = await this.#handle.stat({ bigint: true })
    const named = await stat(this.#path, { bigint: true }).catch(() => undefined)
    return named !== undefined && named.ino === own.ino && named.dev === own.dev
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size
  }

  /** Up to `length` bytes at `position`; fewer where the file ends. */
  async read(position: number, length: number): Promise<Uint8Array> {
    const { bytesRead, buffer } = await this.#handle.read(new Uint8Array(length), 0, length, position)
    return buffer.subarray(0, bytesRead)
  }

  /** Writes all of `bytes`, or rejects. */
  async write(bytes: Uint8Array, position: number): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.#handle.write(bytes, done, bytes.length - done, position + done)
      done += bytesWritten
    }
  }

  /** An empty file beside it, as readable as this one. What a killed process left under that name goes. */
  async beside(tryLock: TryLock): Promise<PartFile> {
    const { mode } = await this.#handle.stat()
    const name = this.target + PACKED
    await discardLeftBehind(name, tryLock)
    const made = await PartFile.create(name, mode & 0o777, tryLock)
    if (made !== undefined) return made
    throw new Error(`${name}${PART} is in the way: another process writes it`)
  }

  /** From now on it is `other`'s `.part`, at one moment and for good. Neither object is of use afterwards; the one returned is. */
  async takeThePlaceOf(other: PartFile): Promise<PartFile> {
    await this.#handle.datasync()
    if (!(await other.isInPlace())) throw new Error(`${other.#path} was removed while it was written`)
    await rename(this.#path, other.#path)
    await other.#handle.close()
    return new PartFile(this.#handle, other.target)
  }

  async truncate(bytes: number): Promise<void> {
    await this.#handle.truncate(bytes)
  }

  /** Gives the file its final name. It is closed then, whether that worked or not. */
  async finish(target: string = this.target): Promise<void> {
    try {
      await this.#handle.datasync()
      if (!(await this.isInPlace())) throw new Error(`${this.#path} was removed while it was written`)
      await rename(this.#path, target)
    } finally {
      await this.#handle.close()
    }
  }

  /** Removes the file, if it is still there. */
  async discard(): Promise<void> {
    try {
      if (await this.isInPlace()) await unlink(this.#path)
    } finally {
      await this.#handle.close()
    }
  }

  /** Leaves it as it is for the next start to find. */
  async abandon(): Promise<void> {
    await this.#handle.close()
  }
}

/** Removes `<target>.part` where nobody writes it. */
export async function discardLeftBehind(target: string, tryLock: TryLock): Promise<void> {
  const left = await PartFile.adopt(target, tryLock)
  await left?.discard()
}

export const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )
