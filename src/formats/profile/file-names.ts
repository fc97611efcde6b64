// Which format a file name asks for, and what files of a format are called.

import type { ProfileFormat } from '../../core/encoder.ts'

/** Endings that name a format, in the order of help texts; the first of each format is the one that Sonde gives. */
export const PROFILE_ENDINGS: readonly (readonly [ending: string, format: ProfileFormat])[] = [
  ['.pb.gz', 'pprof'],
  ['.folded', 'folded'],
  ['.speedscope.json', 'speedscope'],
  ['.html', 'html'],
  ['.firefox.json.gz', 'firefox'],
  ['.json.gz', 'firefox'],
  ['.pprof', 'pprof'],
]

/** Undefined where the name asks for none of these formats. */
export const profileFormatOf = (path: string): ProfileFormat | undefined =>
  PROFILE_ENDINGS.find(([ending]) => path.endsWith(ending))?.[1]

export function endingOf(format: ProfileFormat): string {
  switch (format) {
    case 'pprof':
      return '.pb.gz'
    case 'folded':
      return '.folded'
    case 'speedscope':
      return '.speedscope.json'
    case 'html':
      return '.html'
    case 'firefox':
      return '.firefox.json.gz'
  }
}

/** Whether a file of the format holds one event only. */
export function holdsOneEvent(format: ProfileFormat): boolean {
  switch (format) {
    case 'pprof':
    case 'folded':
      return true
    case 'speedscope':
    case 'html':
    case 'firefox':
      return false
  }
}

/** An event's name as part of a file name: `cycles:u` becomes `cycles-u`. */
export const eventInFileName = (event: string): string => cleaned(event)

/** File names have 255 bytes, and stamp, event and ending are to be among them. */
const MAX_CONFIG_CHARACTERS = 100

/** A configuration's name as part of a file name; '' where nothing is left of it. */
export const configInFileName = (name: string): string =>
  cleaned(cleaned(name).slice(0, MAX_CONFIG_CHARACTERS))

const cleaned = (text: string): string => text.replace(/[^A-Za-z0-9_.-]+/g, '-').replace(/^[.-]+|[.-]+$/g, '')

/** `x.pb.gz` and `cpu-clock` become `x.cpu-clock.pb.gz`. */
export function withLabel(path: string, label: string): string {
  const known = PROFILE_ENDINGS.find(([ending]) => path.endsWith(ending))?.[0]
  const slash = path.lastIndexOf('/')
  const dot = path.indexOf('.', slash + 2)
  const ending = known ?? (dot < 0 ? '' : path.slice(dot))
  return `${path.slice(0, path.length - ending.length)}.${label}${ending}`
}
