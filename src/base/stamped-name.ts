// Names of files that are written one after another: `perf-20260131-235959.data`, and `perf-20260131-235959-1.data` for
// the next one of the same second. UTC, so that they sort and never repeat an hour.

export interface StampedName {
  /** YYYYMMDD-HHMMSS */
  readonly stamp: string
  /** Tells files of one second apart; 0 is not written. */
  readonly sequence: number
  /** What follows, with its dot: `.data`, `.cpu-clock.pb.gz`. */
  readonly extension: string
}

export function utcStamp(time: Date): string {
  const digits = time.toISOString().replace(/[-:]/g, '')
  return `${digits.slice(0, 8)}-${digits.slice(9, 15)}`
}

/** `2026013123595942`, of local time and hundredths of a second: what perf record --switch-output puts behind a name. */
export function perfStamp(time: Date): string {
  const parts = [time.getMonth() + 1, time.getDate(), time.getHours(), time.getMinutes(), time.getSeconds()]
  const hundredths = Math.floor(time.getMilliseconds() / 10)
  return [time.getFullYear(), ...[...parts, hundredths].map((part) => String(part).padStart(2, '0'))].join('')
}

export const stampedName = (prefix: string, { stamp, sequence, extension }: StampedName): string =>
  `${prefix}-${stamp}${sequence === 0 ? '' : `-${sequence}`}${extension}`

/** Undefined where `name` is not one that `stampedName` makes. */
export function parseStampedName(prefix: string, name: string): StampedName | undefined {
  if (!name.startsWith(`${prefix}-`)) return undefined
  const parts = /^(\d{8}-\d{6})(?:-([1-9]\d{0,8}))?(\..+)$/.exec(name.slice(prefix.length + 1))
  if (parts === null) return undefined
  return { stamp: parts[1] ?? '', sequence: Number(parts[2] ?? 0), extension: parts[3] ?? '' }
}

/** Older first. */
export function compareStamps(a: StampedName, b: StampedName): number {
  if (a.stamp !== b.stamp) return a.stamp < b.stamp ? -1 : 1
  return a.sequence - b.sequence
}
