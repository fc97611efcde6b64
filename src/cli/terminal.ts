// How text looks on a terminal, and nothing of that in a pipe.

export interface Style {
  bold(text: string): string
  dim(text: string): string
  red(text: string): string
  yellow(text: string): string
}

const paint = (code: number) => (text: string) => `\x1b[${code}m${text}\x1b[0m`
const PLAIN: Style = { bold: String, dim: String, red: String, yellow: String }
const COLOURED: Style = { bold: paint(1), dim: paint(2), red: paint(31), yellow: paint(33) }

/** By the stream and by NO_COLOR (no-color.org). */
export const styleFor = (stream: { readonly isTTY?: boolean }): Style =>
  stream.isTTY === true && (process.env.NO_COLOR ?? '') === '' && process.env.TERM !== 'dumb'
    ? COLOURED
    : PLAIN

const INTEGER = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })

/** 1234567 → `1,234,567` */
export const integer = (value: number): string => INTEGER.format(value)

/** `1 sample`, `2,000 samples` */
export const counted = (value: number, noun: string): string =>
  `${integer(value)} ${noun}${value === 1 ? '' : 's'}`

const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const

/** Decimal units, as ls --si and file managers show them. */
export function bytes(value: number): string {
  const power = Math.min(BYTE_UNITS.length - 1, value < 1000 ? 0 : Math.floor(Math.log10(value) / 3))
  const scaled = value / 1000 ** power
  return `${power === 0 ? scaled : scaled.toPrecision(3)} ${BYTE_UNITS[power] ?? ''}`
}

/** Seconds as a person says them: `0.35 s`, `12 s`, `3 min 5 s`. */
export function duration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(2)} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
}

/**
 * Control characters of names that targets choose could move the cursor or rewrite the title, bidirectional ones turn the
 * order of the text around them. The same as in native/core/symbols/printable_text.h.
 */
export const printable = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, '\ufffd')

/** Cuts in the middle: both ends of a name say something. */
export function shortened(text: string, width: number): string {
  if (text.length <= width) return text
  const head = Math.ceil((width - 1) / 2)
  return `${text.slice(0, head)}…${text.slice(text.length - (width - 1 - head))}`
}
