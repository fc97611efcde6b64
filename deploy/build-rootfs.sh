#!/bin/sh
# deploy/build-rootfs.sh DIRECTORY: the root file system of Sonde's image, made from this checkout without a container engine.
# The Dockerfile copies what this makes, so there is one list of what is in an image: this file.
#
# Needs root (owners, file capabilities), setcap and strip, and a checkout that `npm run build` has prepared. What is made is
# for the machine's architecture. There is no shell in it, no compiler, and no package manager.
set -eu
umask 022
root=$(cd "$(dirname "$0")/.." && pwd -P)
PATH=$PATH:/usr/sbin:/sbin
AGENT=65532

fail() {
  echo "build-rootfs: $*" >&2
  exit 1
}
[ $# -eq 1 ] || fail 'usage: deploy/build-rootfs.sh DIRECTORY'
[ "$(id -u)" -eq 0 ] || fail 'needs root: files get owners and capabilities.'
for tool in setcap strip ldd; do
  command -v $tool >/dev/null || fail "$tool is missing (Debian: libcap2-bin, binutils, libc-bin)."
done
native=$root/build/native
for file in "$native/sonde.node" "$native/sonde-lines" "$native/sonde-launcher" "$root/dist/sonde.mjs"; do
  [ -f "$file" ] || fail "${file#"$root/"} is missing: run npm run build in the checkout first."
done
# The one that npm brought needs nothing but the C and C++ libraries; a distribution's has its parts in libraries of its own.
node=$(find "$root/node_modules" -maxdepth 1 -name 'node-linux-*' | head -n 1)/bin/node
if [ ! -x "$node" ]; then
  . "$root/scripts/supported-node.sh"
  find_supported_node "$root" || exit 1
  node=$SUPPORTED_NODE
fi
mkdir -p "$1"
rootfs=$(cd "$1" && pwd -P)
[ -z "$(ls -A "$rootfs")" ] || fail "$1 is not empty."

# --- Sonde, laid out as a checkout is ------------------------------------------------------------

app=$rootfs/app
mkdir -p "$app/dist" "$app/build/native"
cp "$root"/dist/*.mjs "$app/dist/"
cp "$root/package.json" "$root/LICENSE" "$app/"
cp -R "$root/config" "$app/config"
strip --strip-unneeded -o "$app/build/native/sonde.node" "$native/sonde.node"
strip -o "$app/build/native/sonde-lines" "$native/sonde-lines"

bin=$rootfs/usr/local/bin
mkdir -p "$bin"
cp "$node" "$bin/node"
# The command, for `kubectl exec … -- sonde status`.
printf '#!/usr/local/bin/node\nimport("/app/dist/sonde.mjs")\n' >"$bin/sonde"
chmod 0755 "$bin/node" "$bin/sonde" "$app/build/native/sonde.node" "$app/build/native/sonde-lines"

# --- the libraries of node, the addon and sonde-lines --------------------------------------------

libraries() { ldd "$@" | sed -n 's|^.*=> \(/[^ ]*\) .*$|\1|p; s|^[[:space:]]*\(/[^ ]*\) (0x.*$|\1|p' | sort -u; }
libraries "$node" "$native/sonde.node" "$native/sonde-lines" | while read -r library; do
  mkdir -p "$rootfs$(dirname "$library")"
  cp -L "$library" "$rootfs$library"
done

# --- what a C library and Node look for ----------------------------------------------------------

mkdir -p "$rootfs/etc" "$rootfs/proc" "$rootfs/sys" "$rootfs/dev" "$rootfs/tmp" "$rootfs/var/lib/sonde"
printf 'root:x:0:0:root:/:/nonexistent\nsonde:x:%s:%s:sonde:/var/lib/sonde:/nonexistent\n' $AGENT $AGENT >"$rootfs/etc/passwd"
printf 'root:x:0:\nsonde:x:%s:\n' $AGENT >"$rootfs/etc/group"
printf 'hosts: files dns\n' >"$rootfs/etc/nsswitch.conf"

chown -R 0:0 "$rootfs"
chmod 1777 "$rootfs/tmp"
chown $AGENT:$AGENT "$rootfs/var/lib/sonde"
chmod 0700 "$rootfs/var/lib/sonde"

# --- the launcher: whoever may execute it gets the container's capabilities for any program (docs/decisions/0019) ------

strip -o "$bin/sonde-launcher" "$native/sonde-launcher"
chown 0:$AGENT "$bin/sonde-launcher"
chmod 0750 "$bin/sonde-launcher"
setcap cap_bpf,cap_perfmon,cap_sys_ptrace,cap_syslog+p "$bin/sonde-launcher"
