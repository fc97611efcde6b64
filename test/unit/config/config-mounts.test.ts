import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configMounts } from '../../../src/config/config-mounts.ts'

const ROOT = '22 1 0:20 / / rw,relatime shared:1 - overlay overlay rw,lowerdir=/x'
const VOLUME = '/var/lib/kubelet/pods/5a/volumes/kubernetes.io~configmap/agent-configs'

test('a ConfigMap that is mounted as a directory is nothing to tell', () => {
  const table = `${ROOT}\n30 22 8:1 ${VOLUME} /etc/sonde/agent ro,relatime - ext4 /dev/sda1 rw\n`
  assert.deepEqual(configMounts(table, '/etc/sonde/agent'), { single: [], deleted: false, remote: undefined })
})

test('a key that is mounted with subPath is found, also once its file was deleted by the kubelet', () => {
  for (const end of ['', '//deleted']) {
    const root = `${VOLUME}/..2026_11_22_12_00_00.1234/node.yaml${end}`
    const table = `${ROOT}\n30 22 8:1 ${root} /etc/sonde/agent/node.yaml ro - ext4 /dev/sda1 rw\n`
    assert.deepEqual(configMounts(table, '/etc/sonde/agent').single, ['/etc/sonde/agent/node.yaml'])
  }
})

test('the path is told as the user gave it, and blanks in it are understood', () => {
  const table = `${ROOT}\n30 22 8:1 /x /my\\040configs/a\\134b.yaml ro - ext4 /dev/sda1 rw\n`
  assert.deepEqual(configMounts(table, '/my configs', '/link').single, ['/link/a\\b.yaml'])
})

test('mounts elsewhere, and deeper, are not of the directory', () => {
  const table = ['/etc/sonde/agents/a.yaml', '/etc/sonde', '/etc/sonde/agent/x/y.yaml']
    .map((point) => `30 22 8:1 /x ${point} ro - ext4 /dev/sda1 rw`)
    .join('\n')
  assert.deepEqual(configMounts(table, '/etc/sonde/agent').single, [])
})

test('a mounted directory that was deleted on the other side is found', () => {
  const table = `${ROOT}\n30 22 8:1 ${VOLUME}/..2026//deleted /etc/sonde/agent ro - ext4 /dev/sda1 rw\n`
  assert.equal(configMounts(table, '/etc/sonde/agent').deleted, true)
})

test('a file system of which others change the files is named; the nearest mount counts, and the last at its point', () => {
  const nfs = '30 22 0:50 / /etc/sonde rw - nfs4 server:/export rw'
  assert.equal(configMounts(`${ROOT}\n${nfs}`, '/etc/sonde/agent').remote, 'nfs4')
  const over = '31 30 8:1 / /etc/sonde rw - ext4 /dev/sda1 rw'
  assert.equal(configMounts(`${ROOT}\n${nfs}\n${over}`, '/etc/sonde/agent').remote, undefined)
  assert.equal(configMounts(`${ROOT}\n${nfs}`, '/etc/sondes').remote, undefined)
})
