// The machine, as perf.data's feature sections describe it. Parsers are pure; the files are read at the end.

import { readFileSync } from 'node:fs'
import { hostname, machine, release } from 'node:os'
import type { HostInfo, KernelInfo, KernelModule } from '../core/host.ts'
import type { NativeKernelFacts } from '../native/binding.ts'

/** A list of CPUs as sysfs writes it: `0-3,8`. */
export function parseCpuList(text: string): readonly number[] {
  return text
    .trim()
    .split(',')
    .filter((part) => part !== '')
    .flatMap((part) => {
      const [from = Number.NaN, to = from] = part.split('-').map(Number)
      return Array.from({ length: to - from + 1 }, (_, index) => from + index)
    })
}

/** The first processor of /proc/cpuinfo: model name, and perf's cpuid (x86: vendor,family,model,stepping). */
export function parseCpuInfo(text: string): Pick<HostInfo, 'cpuDescription' | 'cpuId'> {
  const first = text.slice(0, text.search(/\n\n|$/))
  const field = (name: string): string => new RegExp(`^${name}\\s*:\\s*(.*)$`, 'm').exec(first)?.[1] ?? ''
  const id = ['vendor_id', 'cpu family', 'model', 'stepping'].map(field)
  return {
    cpuDescription: field('model name'),
    cpuId: id.every((part) => part !== '') ? id.join(',') : '',
  }
}

export const parseTotalMemoryKb = (text: string): bigint =>
  BigInt(/^MemTotal:\s*(\d+) kB$/m.exec(text)?.[1] ?? 0)

/** /proc/modules; addresses are 0 where they are hidden, and such modules are left out. */
export function parseModules(text: string): readonly KernelModule[] {
  return text
    .split('\n')
    .map((line) => line.split(' '))
    .flatMap(([name = '', size = '', , , , start = '']) =>
      /^0x[0-9a-f]+$/.test(start) ? [{ name, start: BigInt(start), size: BigInt(size) }] : [],
    )
    .filter((module) => module.start !== 0n)
}

const CPUS = '/sys/devices/system/cpu'

/** CPUs that run now, ascending. */
export const onlineCpus = (): readonly number[] => parseCpuList(textOf(`${CPUS}/online`) || '0')

/** All that may ever run without a restart, ascending. */
export const possibleCpus = (): readonly number[] => {
  const possible = parseCpuList(textOf(`${CPUS}/possible`))
  return possible.length === 0 ? onlineCpus() : possible
}

export function readHost(facts: NativeKernelFacts): HostInfo {
  const online = onlineCpus()
  const present = parseCpuList(textOf(`${CPUS}/present`))
  return {
    hostname: hostname(),
    osRelease: release(),
    arch: machine(),
    cpusAvailable: Math.max(present.length, online.length),
    cpusOnline: online.length,
    ...parseCpuInfo(textOf('/proc/cpuinfo')),
    totalMemoryKb: parseTotalMemoryKb(textOf('/proc/meminfo')),
    kernel: kernelInfo(facts),
  }
}

function kernelInfo(facts: NativeKernelFacts): KernelInfo | undefined {
  if (facts.text === 0n) return undefined
  return { ...facts, modules: parseModules(textOf('/proc/modules')) }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
