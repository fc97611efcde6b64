// What a process is written in, as far as the files tell that it maps.

import { baseName } from './frame-label.ts'
import type { Image, Mapping, ProcessEvent, ProcessTable } from './process.ts'
import { ProcessStates } from './process-states.ts'

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

type LanguageTable = Pick<ProcessTable, 'images' | 'mappings' | 'events' | 'snapshotLength'>

/**
 * The languages of processes as they change in a window: by exec, and by what is loaded. By the executable first: what
 * embeds an interpreter (a web server, a debugger) is of its language only where it is nothing else. Times asked for must
 * not decrease.
 */
export class ProcessLanguages {
  readonly #table: LanguageTable
  readonly #files: ProcessStates<ProcessFiles>
  /** By image, made at its first use. */
  readonly #languages: ImageLanguages[] = []

  constructor(table: LanguageTable) {
    this.#table = table
    this.#files = new ProcessStates(table, (event, before, filesOf) => this.#after(event, before, filesOf))
  }

  at(pid: number, time: bigint): Language {
    const files = this.#files.at(pid, time)
    return files?.asExecutable ?? files?.asLibrary ?? 'native'
  }

  #after(
    event: ProcessEvent,
    before: ProcessFiles | undefined,
    filesOf: (pid: number) => ProcessFiles | undefined,
  ): ProcessFiles | undefined {
    switch (event.kind) {
      case 'mmap':
        return this.#withMapping(before, this.#table.mappings.at(event.mapping))
      case 'comm':
        return event.exec ? undefined : before
      case 'fork':
        return event.pid === event.parentPid ? before : filesOf(event.parentPid)
      case 'exit':
        return before
    }
  }

  #withMapping(
    before: ProcessFiles | undefined,
    { image: number, start }: Mapping,
  ): ProcessFiles | undefined {
    const image = this.#table.images.at(number)
    if (image.kind !== 'file') return before
    this.#languages[number] ??= languagesOf(image)
    const { asExecutable, asLibrary } = this.#languages[number]
    const isLowest = before === undefined || start < before.lowest
    return {
      lowest: isLowest ? start : before.lowest,
      asExecutable: isLowest ? asExecutable : before.asExecutable,
      asLibrary: before?.asLibrary ?? asLibrary,
    }
  }
}
