// What stands in place of a function of JavaScript that is not known. The native side writes it
// (native/core/perf/stack_resolver.cc), README.md explains it; a test holds the three together.

const BEGIN = '[JavaScript: '

export const JAVASCRIPT_REASONS = {
  functionMoved: `${BEGIN}function moved]`,
  codeNotKnown: `${BEGIN}code not known]`,
  memoryNotReadable: `${BEGIN}memory not readable]`,
  notReadInTime: `${BEGIN}not read in time]`,
  v8NotKnown: `${BEGIN}this V8 is not known]`,
} as const

/** Whether a function's name is one of them, or one of another version of Sonde that made the recording. */
export const isReason = ({ function: name }: { readonly function: string }): boolean => name.startsWith(BEGIN)
