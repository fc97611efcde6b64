// Bundles src/ into dist/: one file per entry, and shared chunks that are loaded when they are first needed.
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { basename } from 'node:path'
import { build } from 'esbuild'

const entries = { sonde: 'src/main.ts', worker: 'src/worker.ts' }
const present = Object.fromEntries(Object.entries(entries).filter(([, file]) => existsSync(file)))

const { metafile } = await build({
  entryPoints: present,
  outdir: 'dist',
  outExtension: { '.js': '.mjs' },
  chunkNames: '[name]-[hash]', // flat, so that import.meta.url is dist/<file> in every chunk
  bundle: true,
  splitting: true,
  platform: 'node',
  format: 'esm',
  target: 'node22',
  minifySyntax: true,
  minifyWhitespace: true,
  sourcemap: 'linked',
  metafile: true,
  legalComments: 'none',
  logLevel: 'warning',
  // CommonJS packages inside an ES module need a `require`.
  banner: {
    js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
  },
})

const written = new Set(Object.keys(metafile.outputs).map((file) => basename(file)))
for (const file of existsSync('dist') ? readdirSync('dist') : []) {
  if (!written.has(file)) rmSync(`dist/${file}`, { recursive: true })
}
