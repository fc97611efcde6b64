// What a process is written in, as far as the files tell that it maps.

import { baseName } from './frame-label.ts'
import type { Image, Mapping, ProcessEvent, ProcessTable } from './process.ts'

/** By the base names of an interpreter's executable and of its library, which other programs embed. */
const INTERPRETERS: readonly (readonly [language: string, executable: RegExp, library: RegExp])[] = [
  ['python', /^(python|pypy)\d*(\.\d+)?t?(d|-dbg)?$/, /^lib(python|pypy)\d.*\.so/],
  ['node', /^node(js)?(-?\d+)?$/, /^libnode\.so/],
  ['java', /^java$/, /^libjvm\.so/],
  ['ruby', /^ruby\d*(\.\d+)*$/, /^libruby.*\.so/],
  ['php', /^php(-fpm|-cgi)?\d*(\.\d+)*$/, /^libphp\d*(\.\d+)*\.so/],
  ['perl', /^perl\d*(\.\d+)*(-[\w-]+)?$/, /^libperl\.so/],
  ['erlang', /^beam(\.\w+)*$/, /^libbeam\.so/],
  ['dotnet', /^dotnet$/, /^libcoreclr\.so/],
  ['lua', /^lua(jit)?(-?\d[\w.-]*)?$/, /^liblua(jit)?[\d.-]*\.so/],
]

/** A language whose interpreter or runtime is known; `native` is everything else. */
export type Language = string

/** What a file says of the process that maps it: where it is the executable, and where it is not. */
interface ImageLanguages {
  readonly asExecutable: Language | undefined
  readonly asLibrary: Language | undefined
}

function languagesOf(image: Image): ImageLanguages {
  const name = fileName(image)
  const interpreter = INTERPRETERS.find(([, executable]) => executable.test(name))
  const embedded = INTERPRETERS.find(([, , library]) => library.test(name))
  return { asExecutable: interpreter?.[0] ?? image.runtime, asLibrary: embedded?.[0] }
}

/** A file that was deleted while it runs (an upgrade) is what it was. */
const fileName = ({ kind, path }: Image): string =>
  kind === 'file' ? baseName(path.replace(/ \(deleted\)$/, '')) : ''

/** What is known of a process from the files it has mapped so far. */
interface ProcessFiles {
  /** Where its lowest file lies. Programs lie below what they load, on every architecture. */
  readonly lowest: bigint
  readonly asExecutable: Language | undefined
  readonly asLibrary: Language | undefined
}

/**
 * The languages of processes as they change in a window: by exec, and by what is loaded. By the executable first: what
 * embeds an interpreter (a web server, a debugger) is of its language only where it is nothing else. Times asked for must
 * not decrease.
 */
export class ProcessLanguages {
  readonly #table: Pick<ProcessTable, 'images' | 'mappings'>
  readonly #events: readonly ProcessEvent[]
  readonly #files = new Map<number, ProcessFiles>()
  /** By image, made at its first use. */
  readonly #languages: ImageLanguages[] = []
  #next = 0

  constructor(table: Pick<ProcessTable, 'images' | 'mappings' | 'events'>) {
    this.#table = table
    this.#events = table.events
  }

  at(pid: number, time: bigint): Language {
    for (; this.#next < this.#events.length; this.#next++) {
      const event = this.#events[this.#next] as ProcessEvent
      if (event.time > time) break
      this.#take(event)
    }
    const files = this.#files.get(pid)
    return files?.asExecutable ?? files?.asLibrary ?? 'native'
  }

  #take(event: ProcessEvent): void {
    switch (event.kind) {
      case 'mmap':
        this.#map(event.pid, this.#table.mappings[event.mapping])
        break
      case 'comm':
        if (event.exec) this.#files.delete(event.pid)
        break
      case 'fork': {
        if (event.pid === event.parentPid) break
        const copied = this.#files.get(event.parentPid)
        if (copied === undefined) this.#files.delete(event.pid)
        else this.#files.set(event.pid, copied)
        break
      }
      case 'exit':
        break
    }
  }

  #map(pid: number, mapping: Mapping | undefined): void {
    const image = mapping === undefined ? undefined : this.#table.images[mapping.image]
    if (mapping === undefined || image?.kind !== 'file') return
    this.#languages[mapping.image] ??= languagesOf(image)
    const { asExecutable, asLibrary } = this.#languages[mapping.image] as ImageLanguages
    const before = this.#files.get(pid)
    const isLowest = before === undefined || mapping.start < before.lowest
    this.#files.set(pid, {
      lowest: isLowest ? mapping.start : before.lowest,
      asExecutable: isLowest ? asExecutable : before.asExecutable,
      asLibrary: before?.asLibrary ?? asLibrary,
    })
  }
}
