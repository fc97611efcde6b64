// A flame graph in one HTML file that loads nothing: it works from a disk, an artefact store or an e-mail.

import { type SessionProfile, titleOf } from '../profile/profile-aggregate.ts'
import { TextWriter } from '../text-writer.ts'
import { pageScript } from './page/script.ts'
import { PAGE_BODY } from './page-body.ts'
import { writePageData } from './page-data.ts'
import { PAGE_STYLE } from './page-style.ts'

/** All sessions in one page, to choose from. Every sample is in it, however small its share. */
export function encodeFlameGraph(profiles: readonly SessionProfile[]): Uint8Array<ArrayBuffer> {
  const out = new TextWriter()
  writePage(out, titleOf(profiles), () => writePageData(out, profiles))
  return out.bytes()
}

/** @param writeData writes the JSON of a PageData */
export function writePage(out: TextWriter, title: string, writeData: () => void): void {
  out.write(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)} – Sonde flame graph</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
${PAGE_BODY}
<script type="application/json" id="profile">`)
  writeData()
  out.write(`</script>\n<script>${pageScript()}</script>\n</body>\n</html>\n`)
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
const escapeHtml = (text: string): string =>
  text.replace(/[&<>"]/g, (character) => ENTITIES[character] ?? character)
