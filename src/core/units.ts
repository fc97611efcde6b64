// Quantities whose unit is part of their type, so that a millisecond is never taken for a nanosecond.

declare const unit: unique symbol
type Quantity<Unit extends string, Raw> = Raw & { readonly [unit]: Unit }

/** A duration, or a point on a clock, in nanoseconds. */
export type Nanoseconds = Quantity<'ns', bigint>
/** CLOCK_MONOTONIC of the sampled host. */
export type MonotonicTime = Quantity<'monotonic ns', bigint>
/** Nanoseconds since the Unix epoch. */
export type UnixTime = Quantity<'unix ns', bigint>
/** A duration in milliseconds. */
export type Milliseconds = Quantity<'ms', number>
/** Events per second. */
export type Hertz = Quantity<'Hz', number>

export const nanoseconds = (value: bigint): Nanoseconds => value as Nanoseconds
export const monotonicTime = (value: bigint): MonotonicTime => value as MonotonicTime
export const unixTime = (value: bigint): UnixTime => value as UnixTime
export const milliseconds = (value: number): Milliseconds => value as Milliseconds
export const hertz = (value: number): Hertz => value as Hertz

/** The period between two samples taken at `rate`, as the kernel computes it: 1e9/F, rounded down. */
export const periodOf = (rate: Hertz): Nanoseconds => nanoseconds(1_000_000_000n / BigInt(rate))
