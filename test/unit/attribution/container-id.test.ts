import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cgroupPathsOf, containerIdOf } from '../../../src/attribution/container-id.ts'

const id = '0123456789abcdef'.repeat(4)
const outer = 'fedcba9876543210'.repeat(4)
const pod = 'kubepods-burstable-pod2f1d_77.slice'

const CASES: readonly (readonly [what: string, text: string, container: string])[] = [
  ['docker, version 1', `12:pids:/docker/${id}\n1:name=systemd:/docker/${id}\n`, id],
  ['docker with systemd, version 2', `0::/system.slice/docker-${id}.scope\n`, id],
  ['docker, hybrid', `4:memory:/docker/${id}\n1:name=systemd:/docker/${id}\n0::/\n`, id],
  ['docker, version 2, only the unified line has it', `1:name=systemd:/\n0::/docker/${id}\n`, id],
  ['containerd with systemd', `0::/kubepods.slice/${pod}/cri-containerd-${id}.scope\n`, id],
  ['containerd, as it hands paths to runc', `0::/system.slice/${pod}:cri-containerd:${id}\n`, id],
  ['CRI-O', `0::/kubepods.slice/${pod}/crio-${id}.scope\n`, id],
  ['CRI-O, a cgroup of the container’s own below', `0::/kubepods.slice/${pod}/crio-${id}.scope/app\n`, id],
  ['what watches a container of CRI-O', `0::/kubepods.slice/${pod}/crio-conmon-${id}.scope\n`, ''],
  ['podman', `0::/machine.slice/libpod-${id}.scope/container\n`, id],
  ['podman without systemd', `0::/libpod_parent/libpod-${id}\n`, id],
  ['what watches a container of podman', `0::/machine.slice/libpod-conmon-${id}.scope\n`, ''],
  ['Kubernetes with cgroupfs', `3:cpu:/kubepods/besteffort/pod3a-4b/${id}\n`, id],
  ['Kubernetes in docker', `0::/docker/${outer}/kubelet/kubepods/pod1/${id}\n`, id],
  ['systemd in a container', `0::/docker/${id}/system.slice/nginx.service\n`, id],
  ['seen from a cgroup namespace', `0::/../../docker-${id}.scope\n`, id],
  ['a cgroup that was removed', `0::/docker/${id} (deleted)\n`, id],
  ['colons in the path', `0::/a:b/docker-${id}.scope\n`, id],
  ['no container', '0::/user.slice/user-1000.slice/session-2.scope\n', ''],
  ['the root', '0::/\n', ''],
  ['too few digits', `0::/docker/${id.slice(1)}\n`, ''],
  ['too many digits', `0::/docker/${id}0\n`, ''],
  ['no digits', `0::/docker/${'g'.repeat(64)}\n`, ''],
  ['upper case', `0::/docker/${id.toUpperCase()}\n`, ''],
  ['something in front of the digits', `0::/docker/x${id}\n`, ''],
  ['nothing', '', ''],
  ['no cgroup file', `/docker/${id}\n`, ''],
]

for (const [what, text, container] of CASES) {
  test(`the container by its cgroup: ${what}`, () => {
    assert.equal(containerIdOf(cgroupPathsOf(text)), container)
  })
}
