import type { LabelKind } from '../profile/frame-text.ts'

/** By their numbers in a profile. The grey one is what frames without a category have. */
export const CATEGORIES = [
  { name: 'Other', color: 'grey', subcategories: ['Other'] },
  { name: 'User', color: 'yellow', subcategories: ['Other'] },
  { name: 'Kernel', color: 'orange', subcategories: ['Other'] },
  { name: 'JavaScript', color: 'green', subcategories: ['Other'] },
  { name: 'Interpreted', color: 'blue', subcategories: ['Other'] },
  { name: 'JIT', color: 'purple', subcategories: ['Other'] },
] as const

const number = (name: (typeof CATEGORIES)[number]['name']): number =>
  CATEGORIES.findIndex((category) => category.name === name)

export const OTHER = number('Other')

/** @param language of the runtime whose function it is; '' where it is none's */
export function categoryOf(kind: LabelKind, language: string): number {
  if (isJavaScript(language)) return number('JavaScript')
  switch (kind) {
    case 'thread':
    case 'reason':
      return OTHER
    case 'user':
    case 'inlined':
    case 'unnamed':
      return number('User')
    case 'jit':
      return number('JIT')
    case 'interpreted':
      return number('Interpreted')
    case 'kernel':
      return number('Kernel')
  }
}

export const isJavaScript = (language: string): boolean => language === 'v8js'
