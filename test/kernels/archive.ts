// Debian's archive, read through the mirror that this machine's own sources name, without touching the machine's lists.

import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { outputOf } from './programs.ts'

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'

/** Whether the archive's signatures are checked; apt refuses what is not signed then. */
export const checksSignatures = existsSync(KEYRING)

export interface KernelPackages {
  /** As uname says it: `6.1.0-40-amd64`. */
  readonly release: string
  /** The version that all its packages have. */
  readonly version: string
  /** Names of the packages that hold it. */
  readonly names: readonly string[]
}

export interface Suites {
  readonly suite: string
  /** Whether the release's security archive is read too. */
  readonly security: boolean
  /** Other suites of the same archive: backports. */
  readonly more?: readonly string[]
  /** As dpkg calls it (default amd64). */
  readonly architecture?: string
}

/** One release of Debian, with lists and packages below `directory`. */
export class Archive {
  readonly #directory: string
  readonly #apt: NodeJS.ProcessEnv

  private constructor(directory: string, configuration: string) {
    this.#directory = directory
    this.#apt = { ...process.env, LC_ALL: 'C', APT_CONFIG: configuration }
  }

  /** Reads the release's lists anew. Throws with apt's words where the mirror does not have it. */
  static open(line: Suites, directory: string): Archive {
    for (const part of ['lists/partial', 'cache/archives/partial'])
      mkdirSync(join(directory, part), { recursive: true })
    writeFileSync(join(directory, 'status'), '')
    writeFileSync(join(directory, 'debian.sources'), sourcesFor(line))
    const configuration = join(directory, 'apt.conf')
    writeFileSync(configuration, configurationFor(directory, line.architecture))
    const archive = new Archive(directory, configuration)
    archive.#run('apt-get', ['update', '--error-on=any'])
    return archive
  }

  newestKernel(): KernelPackages {
    const name = this.#dependencies('linux-image-amd64').find((each) => /^linux-image-\d/.test(each))
    if (name === undefined) throw new Error('linux-image-amd64 names no kernel')
    // From Linux 7 on what the package of a kernel had is in several.
    const parts = this.#dependencies(name).filter((each) => /^linux-(base|binary|modules)-\d/.test(each))
    const shown = this.#run('apt-cache', ['show', '--no-all-versions', name])
    const version = /^Version: (.*)$/m.exec(shown)?.[1] ?? ''
    return { release: name.replace('linux-image-', ''), version, names: [name, ...parts] }
  }

  /** Fetches a package with all that it needs. A line of the archive's own suites may stand behind the name: `linux-perf/sid`. */
  fetchWhole(name: string): readonly string[] {
    this.#run('apt-get', ['install', '--yes', '--download-only', '--no-install-recommends', name])
    const files = join(this.#directory, 'cache/archives')
    return readdirSync(files)
      .filter((file) => file.endsWith('.deb'))
      .map((file) => join(files, file))
  }

  /** Fetches the packages' files into a directory. */
  fetch({ names, version }: KernelPackages, directory: string): readonly string[] {
    this.#run('apt-get', ['download', ...names.map((name) => `${name}=${version}`)], directory)
    const files = readdirSync(directory).map((file) => join(directory, file))
    if (files.length === names.length) return files
    throw new Error(`apt-get download ${names.join(' ')} left ${files.length} files`)
  }

  #dependencies(name: string): string[] {
    const text = this.#run('apt-cache', ['depends', '--important', name])
    return [...text.matchAll(/^ *(?:Pre)?Depends: (\S+)$/gm)].map(([, found = '']) => found)
  }

  #run(command: string, args: readonly string[], cwd = this.#directory): string {
    return outputOf(command, args, { cwd, env: this.#apt }).toString()
  }
}

/**
 * What the machine's own configuration says of proxies and the like stays. Old releases are wanted as they are, so that
 * lists may be past their date; as root, apt would fetch as a user who may not write below a home directory.
 */
const configurationFor = (directory: string, architecture = 'amd64'): string => `
Dir::Etc::sourcelist "${directory}/debian.sources";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State "${directory}";
Dir::State::lists "${directory}/lists";
Dir::State::status "${directory}/status";
Dir::Cache "${directory}/cache";
APT::Architecture "${architecture}";
APT::Architectures { "${architecture}"; };
APT::Sandbox::User "root";
Acquire::Check-Valid-Until "false";
Acquire::Languages "none";
Acquire::PDiffs "false";
Acquire::Retries "2";
Acquire::http::Timeout "30";
Acquire::https::Timeout "30";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
`

function sourcesFor({ suite, more = [], security }: Suites): string {
  const { main, updates } = mirrors()
  const stanza = (uri: string, name: string): string => `Types: deb
URIs: ${uri}
Suites: ${name}
Components: main
${checksSignatures ? `Signed-By: ${KEYRING}` : 'Trusted: yes'}
`
  const kept = security && updates !== undefined ? [stanza(updates, `${suite}-security`)] : []
  return [stanza(main, [suite, ...more].join(' ')), ...kept].join('\n')
}

interface Mirrors {
  readonly main: string
  readonly updates: string | undefined
}

/** As this machine's sources name them, by the paths that every mirror of Debian has. */
function mirrors(): Mirrors {
  const uris = outputOf('apt-get', ['indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages'])
    .toString()
    .split('\n')
  const main = uris.find((uri) => /\/debian\/?$/.test(uri))
  if (main === undefined) throw new Error('the sources of apt name no mirror of Debian')
  return { main, updates: uris.find((uri) => /\/debian-security\/?$/.test(uri)) }
}
