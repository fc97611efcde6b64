// Three kinds of code address, told apart by type (the words are samply's and the ELF specification's).

/** An address in the running process or kernel (actual virtual memory address). */
export type Avma = bigint & { readonly __: 'Avma' }
/** An address as the file states it: what its symbol table and program headers speak of. */
export type Svma = bigint & { readonly __: 'Svma' }
/** A position in the file's bytes. */
export type FileOffset = bigint & { readonly __: 'FileOffset' }

export const avma = (value: bigint): Avma => value as Avma
export const svma = (value: bigint): Svma => value as Svma
export const fileOffset = (value: bigint): FileOffset => value as FileOffset

/** 0x and lower-case hexadecimal digits. */
export const hex = (address: bigint): string => `0x${address.toString(16)}`
