/** In ECMAScript since 2025, in Node.js since 21; the compiler's library does not know it yet. */
declare global {
  interface JSON {
    rawJSON(text: string): unknown
  }
}

/** JSON with bigints as integer digits, which are exact where a double is not; indented, and a line end behind it. */
export const exactJson = (value: unknown): string =>
  `${JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? JSON.rawJSON(String(each)) : each), 2)}\n`
