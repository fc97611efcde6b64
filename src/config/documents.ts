// The documents of a configuration file.

import type { CollectionCatalog, ConfigDocument } from './config-document.ts'

export type { CollectionCatalog, ConfigDocument, ConfigIdentity } from './config-document.ts'

/** Never throws for what the text says. */
export type ReadDocuments = (
  text: string,
  file: string,
  catalog: CollectionCatalog,
) => readonly ConfigDocument[]
