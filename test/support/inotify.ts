import { readdirSync, readFileSync } from 'node:fs'

/** The inotify watches of this process. */
export function inotifyWatches(): number {
  const texts = readdirSync('/proc/self/fdinfo').map((fd) => {
    try {
      return readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')
    } catch {
      return '' // the descriptor with which the directory was read
    }
  })
  return texts.flatMap((text) => text.match(/^inotify /gm) ?? []).length
}
