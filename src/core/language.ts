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

/**
 * By the executable first: what embeds an interpreter (a web server, a debugger) is of its language only where it is
 * nothing else.
 */
export function languageOf(executable: Image | undefined, others: Iterable<Image>): Language {
  const own = executable === undefined ? '' : fileName(executable)
  const interpreter = INTERPRETERS.find(([, name]) => name.test(own))
  if (interpreter !== undefined) return interpreter[0]
  if (executable?.runtime !== undefined) return executable.runtime
  for (const image of others) {
    const name = fileName(image)
    const embedded = INTERPRETERS.find(([, , library]) => library.test(name))
    if (embedded !== undefined) return embedded[0]
  }
  return 'native'
}

/** A file that was deleted while it runs (an upgrade) is what it was. */
const fileName = ({ kind, path }: Image): string =>
  kind === 'file' ? baseName(path.replace(/ \(deleted\)$/, '')) : ''

interface ProcessFiles {
  readonly mappings: Mapping[]
  /** Undefined: to be found anew. */
  language: Language | undefined
}

/** The languages of processes as they change in a window: by exec, and by what is loaded. Times asked for must not decrease. */
export class ProcessLanguages {
  readonly #table: Pick<ProcessTable, 'images' | 'mappings'>
  readonly #events: readonly ProcessEvent[]
  readonly #files = new Map<number, ProcessFiles>()
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
    if (files === undefined) return 'native'
    files.language ??= this.#languageOf(files.mappings)
    return files.language
  }

  #take(event: ProcessEvent): void {
    switch (event.kind) {
      case 'mmap': {
        const mapping = this.#table.mappings[event.mapping]
        const files = this.#files.get(event.pid) ?? { mappings: [], language: undefined }
        if (mapping !== undefined) files.mappings.push(mapping)
        files.language = undefined
        this.#files.set(event.pid, files)
        break
      }
      case 'comm':
        if (event.exec) this.#files.delete(event.pid)
        break
      case 'fork': {
        if (event.pid === event.parentPid) break
        const mappings = [...(this.#files.get(event.parentPid)?.mappings ?? [])]
        this.#files.set(event.pid, { mappings, language: undefined })
        break
      }
      case 'exit':
        break
    }
  }

  #languageOf(mappings: readonly Mapping[]): Language {
    const images = [...mappings]
      .sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0))
      .flatMap(({ image }) => this.#table.images[image] ?? [])
    // Programs lie below what they load, on every architecture.
    const executable = images.find(({ kind }) => kind === 'file')
    return languageOf(executable, images)
  }
}
