#!/bin/sh
# npm run test:kernels [-- OPTION…]: boots the kernels of Debian's releases under emulation, one after another, with this
# checkout inside, and prints what Sonde does on each (docs/kernels.md). Not part of npm test: needs a mirror of Debian
# and some minutes. What cannot be had is said, and its row skips with the reason.
#
#   --only NAME               only this kernel: 5.10, 6.1, 6.12 or newest; may be given several times
#   SONDE_KERNELS_DIR         where kernels and results are kept (build/kernels)
#   SONDE_KERNELS_LIMIT       how many seconds a machine may live (240); more where others use the CPUs
#
# As root it installs missing Debian packages; otherwise it prints the line that does, and stops.
set -u
root=$(cd "$(dirname "$0")/.." && pwd -P) || exit 1
cd "$root" || exit 1
PATH=$PATH:/usr/sbin:/sbin
export PATH
if [ "${1:-}" = --no-setup ]; then shift; else scripts/setup.sh run || exit 1; fi
. scripts/supported-node.sh
find_supported_node "$root" || exit 1

PACKAGES='
qemu-system-x86         the machine
busybox-static          the first process, and what it needs
cpio                    packs what the kernel starts from
kmod                    knows which module needs which
xz-utils                three programs that kernels
zstd                    and modules
lz4                     are compressed by
debian-archive-keyring  whose signatures the kernels have
linux-perf              perf report judges the recordings
bpftool                 loads the BPF objects of other compilers
gcc                     compiles the programs that are sampled
libc6-dev               their C library
'
# The compilers that the BPF objects are tried with: of Debian 11 to 13.
COMPILERS='clang-14 clang-16 clang-19'

installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
install_packages() {
  DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@" \
    >build/log/kernels-packages.log 2>&1 </dev/null
}

mkdir -p build/log || exit 1
command -v apt-get >/dev/null || { echo 'kernels: needs Debian: there is no apt-get.' >&2; exit 1; }
[ "$(uname -m)" = x86_64 ] || { echo "kernels: boots x86_64 kernels on x86_64; this is $(uname -m)." >&2; exit 1; }
missing=$(echo "$PACKAGES" | while read -r package _; do [ -z "$package" ] || installed "$package" || echo "$package"; done)
if [ -n "$missing" ]; then
  # shellcheck disable=SC2086,SC2116  # names of packages are words
  missing=$(echo $missing)
  line="apt-get update && apt-get install -y --no-install-recommends $missing"
  if [ "$(id -u)" -ne 0 ]; then
    echo "kernels: these Debian packages are missing: $missing" >&2
    echo "Run this as root, then start again:  $line" >&2
    exit 1
  fi
  echo "kernels: installing $missing" >&2
  # shellcheck disable=SC2086
  { apt-get -o DPkg::Lock::Timeout=300 update >/dev/null && install_packages $missing; } || {
    echo "kernels: they do not install (build/log/kernels-packages.log). Try:  $line" >&2
    exit 1
  }
fi
# Each by itself: no release of Debian has all of them.
for compiler in $COMPILERS; do
  installed "$compiler" || [ "$(id -u)" -ne 0 ] || install_packages "$compiler" ||
    echo "kernels: no $compiler: $(tail -n 1 build/log/kernels-packages.log)" >&2
done

export COMPILERS
exec "$SUPPORTED_NODE" --disable-warning=ExperimentalWarning test/kernels/main.ts "$@"
