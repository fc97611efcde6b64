// The page's script is the source text of this folder's functions, as this program runs them: types stripped when the
// sources run directly, white space removed in the bundle. A bundler that renames a function renames its callers too.

import * as describe from './describe.ts'
import * as hottest from './hottest.ts'
import * as interact from './interact.ts'
import * as model from './model.ts'
import * as paint from './paint.ts'
import * as search from './search.ts'

/** What the page runs. A function that is missing here is missing there. */
export function pageScript(): string {
  const functions = [model, paint, describe, search, hottest, interact].flatMap((module) =>
    Object.values(module),
  )
  const source = functions.map(String).join('\n')
  // Nothing in a script element may look like its end.
  return `(()=>{'use strict';\n${source.replaceAll('</', '<\\/')}\n${interact.startPage.name}()})()`
}
