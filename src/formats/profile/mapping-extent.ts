// How far a mapping reaches, once it is known which of its addresses are spoken of.

import type { FrameEntry, MappingEntry } from './dictionary.ts'

/** Addresses of one mapping that were seen. */
export interface AddressRange {
  lowest: bigint
  highest: bigint
}

const MAX_ADDRESS = 0xffff_ffff_ffff_ffffn

export const noAddresses = (): AddressRange => ({ lowest: MAX_ADDRESS, highest: 0n })

export function addAddress(range: AddressRange, address: bigint): void {
  if (address < range.lowest) range.lowest = address
  if (address > range.highest) range.highest = address
}

/** Where tools look for a frame's line: inside the call instruction. */
export const lookUpAddress = ({ returnAddress, address }: FrameEntry): bigint =>
  returnAddress && address > 0n ? address - 1n : address

/**
 * First address, and first address behind it. It holds all that were seen: kernel modules lie outside the kernel's text, a
 * kernel whose addresses are hidden states no limits, and unknown memory has none of its own.
 */
export function extentOf(
  entry: MappingEntry,
  seen: AddressRange,
): { readonly start: bigint; readonly limit: bigint } {
  if (entry.kind !== 'native' && entry.kind !== 'kernel') return { start: 0n, limit: 0n }
  const start = entry.limit === 0n || seen.lowest < entry.start ? seen.lowest : entry.start
  const limit = entry.limit > seen.highest ? entry.limit : seen.highest + 1n
  return { start, limit }
}
