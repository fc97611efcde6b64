#!/bin/sh
# npm run test:e2e [-- FILE…]: the image and the manifests of deploy/ on a real Kubernetes (test/e2e). Not part of npm test.
#
#   KUBECONFIG                  the cluster to use; it must have one node that schedules
#   SONDE_E2E_IMAGE             NAME:TAG of Sonde's image, which that node can get. Goes with KUBECONFIG
#   SONDE_ONE_NODE_KUBERNETES   without KUBECONFIG: a directory with `up`, `down` and `load-image`, which start a Kubernetes on
#                               this machine (../shared/tools/one-node-kubernetes). It takes root, Go and, the first time,
#                               ten minutes. It is stopped at the end, unless it ran before or SONDE_E2E_KEEP is 1
#
# What is missing is said, and nothing is tried: exit status 0.
set -u
root=$(cd "$(dirname "$0")/.." && pwd -P) || exit 1
cd "$root" || exit 1
PATH=$PATH:/usr/sbin:/sbin
export PATH
tool=${SONDE_ONE_NODE_KUBERNETES:-$root/../shared/tools/one-node-kubernetes}
cache=${SONDE_CACHE:-$HOME/.cache/sonde-k8s}

skip() {
  echo "e2e: skipped: $*" >&2
  exit 0
}
if [ -n "${KUBECONFIG:-}" ]; then
  [ -n "${SONDE_E2E_IMAGE:-}" ] || skip 'KUBECONFIG is set; SONDE_E2E_IMAGE must name an image that its node can get.'
  command -v kubectl >/dev/null || skip 'there is no kubectl in the PATH.'
else
  [ -x "$tool/up" ] || skip "KUBECONFIG is not set, and there is no one-node Kubernetes in $tool."
  [ "$(id -u)" -eq 0 ] || skip 'starting a Kubernetes on this machine needs root.'
  [ -x "$cache/bin/kubelet" ] || command -v go >/dev/null || skip 'building a Kubernetes takes Go 1.24 or later.'
fi

if [ "${1:-}" = --no-setup ]; then shift; else scripts/setup.sh run || exit 1; fi
. scripts/supported-node.sh
find_supported_node "$root" || exit 1
mkdir -p build/log || exit 1

work=$(mktemp -d) || exit 1
started=
finish() {
  rm -rf "$work"
  [ -z "$started" ] || [ "${SONDE_E2E_KEEP:-}" = 1 ] || "$tool/down"
}
trap finish EXIT
trap 'exit 1' INT TERM

start_node() {
  [ -e /run/sonde-k8s ] || started=yes
  # Its last line; before it, it says what it does.
  settings=$("$tool/up") || return 1
  KUBECONFIG=${settings##*KUBECONFIG=}
  PATH=$cache/bin:$PATH
  SONDE_E2E_IMAGE=sonde.test/agent:e2e
  export KUBECONFIG PATH SONDE_E2E_IMAGE
  mkdir "$work/rootfs" && deploy/build-rootfs.sh "$work/rootfs" || return 1
  config=$("$SUPPORTED_NODE" test/support/image-config.ts) || return 1
  "$tool/load-image" "$SONDE_E2E_IMAGE" "$work/rootfs" "$config" && rm -rf "$work/rootfs"
}
if [ -z "${KUBECONFIG:-}" ]; then
  start_node || { echo 'e2e: the Kubernetes does not start.' >&2; exit 1; }
fi

[ $# -gt 0 ] || set -- test/e2e/*.test.ts
"$SUPPORTED_NODE" --test --test-concurrency=1 --test-reporter=spec "$@"
