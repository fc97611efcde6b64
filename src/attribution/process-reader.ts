// Asks /proc whom a live process belongs to.

import type { ServicePolicy } from '../core/service-policy.ts'
import { cgroupPathsOf, containerIdOf } from './container-id.ts'
import { type Environment, variablesIn } from './environment.ts'
import { executableNameOf, withoutDeletion } from './executable.ts'
import type { Owner } from './known-processes.ts'
import type { MemoryReading, ProcessFiles } from './process-files.ts'
import { isSameProgram, type ProcessStatus, processStatusOf, type Sighting } from './process-status.ts'
import { asksCommandLines, serviceNameOf, wantedVariables } from './service-name.ts'

/** What could not be learnt from an environment, and why. */
type Missing = Exclude<MemoryReading['outcome'], 'read'>
type EnvironmentReading = { readonly variables: Environment } | { readonly missing: Missing }

const EMPTY: EnvironmentReading = { variables: new Map() }

export class ProcessReader {
  readonly #files: ProcessFiles
  readonly #policy: ServicePolicy
  readonly #wanted: ReadonlySet<string>
  readonly #asksCommandLines: boolean
  #denied = 0
  #slow = 0

  constructor(files: ProcessFiles, policy: ServicePolicy) {
    this.#files = files
    this.#policy = policy
    this.#wanted = wantedVariables(policy)
    this.#asksCommandLines = asksCommandLines(policy)
  }

  /** Undefined: no such process, or one that has given its memory back. */
  look(pid: number): Sighting | undefined {
    const status = this.#status(pid)
    if (status === undefined || status.isZombie) return undefined
    const cgroup = this.#files.cgroup(pid)
    return cgroup === undefined ? undefined : { ...status, cgroup }
  }

  /**
   * Undefined where it is not what was sighted any more: what was read may be another's.
   * @param mapped the executable by what is mapped, for where the process may not be asked
   */
  async read(pid: number, sighting: Sighting, mapped: string): Promise<Owner | undefined> {
    const cgroupPaths = cgroupPathsOf(sighting.cgroup)
    const { isKernelThread } = sighting
    const executablePath = isKernelThread ? '' : withoutDeletion(this.#files.executable(pid) ?? mapped)
    const commandLine = isKernelThread ? undefined : await this.#commandLine(pid)
    const environment = isKernelThread ? EMPTY : await this.#environment(pid)
    const after = this.#status(pid)
    if (after === undefined || !isSameProgram(sighting, after)) return undefined
    const service = serviceNameOf(this.#policy, {
      executablePath,
      executableName: executableNameOf(executablePath),
      commandLine,
      cgroupPaths,
      environment: 'variables' in environment ? environment.variables : undefined,
    })
    if ('missing' in environment && service.from !== 'rule') this.#count(environment.missing)
    return { service, executablePath, containerId: containerIdOf(cgroupPaths) }
  }

  /** What services are named without, a sentence each. */
  remarks(): readonly string[] {
    return [
      ...remarkOn(this.#denied, 'could not be read (CAP_SYS_PTRACE)'),
      ...remarkOn(this.#slow, 'took too long to read'),
    ]
  }

  #status(pid: number): ProcessStatus | undefined {
    const text = this.#files.stat(pid)
    return text === undefined ? undefined : processStatusOf(text)
  }

  async #commandLine(pid: number): Promise<string | undefined> {
    if (!this.#asksCommandLines) return undefined
    const reading = await this.#files.commandLine(pid)
    if (reading.outcome !== 'read') return undefined
    return new TextDecoder().decode(reading.bytes).replace(/\0+$/, '').replaceAll('\0', ' ')
  }

  /** Holds all of it only while the wanted variables are looked for. */
  async #environment(pid: number): Promise<EnvironmentReading> {
    const reading = await this.#files.environment(pid)
    if (reading.outcome !== 'read') return { missing: reading.outcome }
    const variables = variablesIn(reading.bytes, this.#wanted)
    reading.bytes.fill(0)
    return { variables }
  }

  #count(missing: Missing): void {
    switch (missing) {
      case 'denied':
        this.#denied++
        return
      case 'slow':
        this.#slow++
        return
      case 'gone':
        return
    }
  }
}

const remarkOn = (processes: number, what: string): string[] =>
  processes === 0
    ? []
    : [
        `the environments of ${processes} ${processes === 1 ? 'process' : 'processes'} ${what}: ` +
          'their services are named by rules and executables',
      ]
