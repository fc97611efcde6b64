import { runCommandLine } from './cli/command-line.ts'

/** Package.json's engines. */
const OLDEST_NODE = [22, 22] as const

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])) {
  process.stderr.write(
    `sonde: Node.js ${OLDEST_NODE.join('.')} or later is needed, this is ${process.versions.node}.\n`,
  )
  process.exit(1)
}
process.exit(await runCommandLine(process.argv.slice(2)))
