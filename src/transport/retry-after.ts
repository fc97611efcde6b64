import { type Milliseconds, milliseconds } from '../core/units.ts'

/**
 * How long a Retry-After header asks to wait: seconds or an HTTP date (RFC 9110, 10.2.3); undefined where it says
 * neither. `now` is in milliseconds since 1970.
 */
export function retryAfter(header: string | undefined, now: number): Milliseconds | undefined {
  const text = header?.trim() ?? ''
  if (/^\d{1,15}$/.test(text)) return milliseconds(Number(text) * 1000)
  // Date.parse takes far more than the dates of HTTP, which begin with the name of a day.
  const date = /^[A-Za-z]{3,9},? /.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(date) ? undefined : milliseconds(Math.max(0, date - now))
}
