// What the mount table says of a directory of configuration: what is mounted there never hears of some changes.

import { readFile, realpath } from 'node:fs/promises'
import { dirname } from 'node:path'

export interface ConfigMounts {
  /** Full paths in the directory at which something is mounted by itself, as Kubernetes does for `subPath`. */
  readonly single: readonly string[]
  /** The directory is mounted, and was deleted where it is mounted from. */
  readonly deleted: boolean
  /** The file system, where others may change it without this machine being told. */
  readonly remote: string | undefined
}

const NONE: ConfigMounts = { single: [], deleted: false, remote: undefined }
const REMOTE = /^(?:nfs4?|cifs|smb3|9p|ceph|virtiofs|fuse\..*|afs|lustre|glusterfs)$/

/** Never throws: without a mount table there is nothing to tell. */
export async function readConfigMounts(directory: string): Promise<ConfigMounts> {
  try {
    return configMounts(await readFile('/proc/self/mountinfo', 'utf8'), await realpath(directory), directory)
  } catch {
    return NONE
  }
}

interface Mount {
  /** What of the file system is mounted; `//deleted` stands after what is not there any more. */
  readonly root: string
  readonly point: string
  readonly type: string
}

/**
 * @param real the directory's path without links, as the table has it
 * @param directory its path for people
 */
export function configMounts(mountinfo: string, real: string, directory: string = real): ConfigMounts {
  const mounts = mountinfo.split('\n').flatMap(mountOf)
  const around = mounts
    .filter(({ point }) => point === '/' || real === point || real.startsWith(`${point}/`))
    .reduce<Mount | undefined>(
      (nearest, mount) => (mount.point.length >= (nearest?.point.length ?? 0) ? mount : nearest),
      undefined,
    )
  const single = mounts
    .filter(({ point }) => dirname(point) === real && point !== real)
    .map(({ point }) => directory + point.slice(real.length))
  return {
    single: [...new Set(single)],
    deleted: around?.point === real && around.root.endsWith('//deleted'),
    remote: around !== undefined && REMOTE.test(around.type) ? around.type : undefined,
  }
}

/** `36 35 98:0 /root /point options optional… - type source options`, blanks in paths as `\040`. */
function mountOf(line: string): readonly Mount[] {
  const [before = '', after = ''] = line.split(' - ', 2)
  const [, , , root, point] = before.split(' ')
  const [type] = after.split(' ')
  if (root === undefined || point === undefined || type === undefined) return []
  return [{ root: unescaped(root), point: unescaped(point), type }]
}

const unescaped = (path: string): string =>
  path.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
