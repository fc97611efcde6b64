// Containers, as the names of cgroups tell of them.

/** `docker-ID.scope`, `cri-containerd-ID.scope`, `crio-ID.scope`, `libpod-ID`, `…:cri-containerd:ID`, and ID alone. */
const CONTAINER = /^(?:(?<runtime>.*)[-:])?(?<id>[0-9a-f]{64})(?:\.scope)?$/

/** `crio-conmon-ID.scope`: watches the container from outside. */
const MONITOR = /conmon$/

/**
 * The paths of a process's cgroups: `/proc/PID/cgroup`, whose lines are `hierarchy:controllers:path`. There is one line in
 * version 2, one for each hierarchy in version 1. From inside a cgroup namespace paths may begin with `/..`.
 */
export const cgroupPathsOf = (text: string): readonly string[] =>
  text.split('\n').flatMap((line) => {
    const path = /^\d+:[^:]*:(\/.*)$/.exec(line)?.[1]
    return path === undefined ? [] : [path.replace(/ \(deleted\)$/, '')]
  })

/** The innermost container that one of the paths leads into: sixty-four hexadecimal digits, or ''. */
export function containerIdOf(cgroupPaths: readonly string[]): string {
  for (const path of cgroupPaths) {
    const id = path.split('/').reduceRight((found, part) => found || idIn(part), '')
    if (id !== '') return id
  }
  return ''
}

function idIn(part: string): string {
  const { runtime = '', id = '' } = CONTAINER.exec(part)?.groups ?? {}
  return MONITOR.test(runtime) ? '' : id
}
