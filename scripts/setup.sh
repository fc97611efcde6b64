#!/bin/sh
# Prepares a checkout. Idempotent, and quick when there is nothing to do.
#
#   scripts/setup.sh run      what running needs: libraries, npm packages, the addon, the bundle
#   scripts/setup.sh check    what `npm run check` needs: npm packages, clang-format
#   scripts/setup.sh test     everything: run, check, the tools that tests judge with, the C++ tests
#
# As root it installs missing Debian packages; otherwise it prints the line that does, and stops.
set -u

# --- what is needed, and why ---------------------------------------------------------------------

RUN_PACKAGES='
g++            compiles the addon
cmake          describes the native build
ninja-build    runs it, in parallel
pkg-config     tells CMake where the libraries are
zlib1g-dev     compressed ELF sections and perf.data
libzstd-dev    the same, with zstd
libmd-dev      SHA-256, of which the content hash of a file is made
liblzma-dev    .gnu_debugdata, the compressed symbol table of Fedora and its kin
libbpf-dev     loads the BPF programs
clang          compiles them, and makes one object good for every kernel
libdw-dev      source lines and inlined functions, in a process of its own; it also judges the CFI reader
'
CHECK_PACKAGES='
clang-format   the layout of native/
'
TEST_PACKAGES='
libgtest-dev   the framework of the C++ tests
gcc            compiles the small C programs that tests profile
libc6-dev      their C library
linux-perf     perf report and perf script judge our perf.data
chromium       opens the flame graph and clicks in it
binutils       readelf and nm judge the symbol reader
elfutils       eu-addr2line judges source lines
llvm           llvm-symbolizer does too, and does not share a line of code with us
debuginfod     the server of debug files that ours is tried with
gdb            judges the stacks of stopped programs
musl-tools     a C library without unwind rows
dwz            moves debug information to a shared file, which must not lend names
libcap2-bin    setcap gives a copy of the launcher the file capabilities that an image gives it
'
# golang-go: go tool pprof judges our pprof files; any go in the path does.
go_packages='golang-go'

# --- telling -------------------------------------------------------------------------------------

root=$(cd "$(dirname "$0")/.." && pwd -P) || exit 1
cd "$root" || exit 1
. scripts/supported-node.sh
logs=build/log
stamps=build/stamps
mkdir -p "$logs" "$stamps" || exit 1

tell() { echo "sonde setup: $*" >&2; }
fail() {
  tell "$*"
  exit 1
}
now() { date +%s; }

# step NAME ADVICE COMMAND…: runs the command with its output in a log, and says how long it took.
step() {
  name=$1 advice=$2
  shift 2
  log=$logs/$(echo "$name" | tr ' ' '-').log
  started=$(now)
  tell "$name …"
  if "$@" >"$log" 2>&1 </dev/null 9>&-; then
    tell "$name … $(($(now) - started)) s"
    return 0
  fi
  tell "$name failed after $(($(now) - started)) s. The end of $log:"
  tail -n 30 "$log" >&2
  fail "$advice"
}

# stamped NAME KEY: whether the step NAME was last done for the same KEY.
stamped() { [ -f "$stamps/$1" ] && [ "$(cat "$stamps/$1")" = "$2" ]; }
stamp() { echo "$2" >"$stamps/$1"; }

# digest PATH…: one hash over the names and contents of every file below the paths.
digest() {
  find "$@" -type f 2>/dev/null | LC_ALL=C sort | tr '\n' '\0' | xargs -0 -r sha256sum | sha256sum | cut -d' ' -f1
}

# --- Debian packages -----------------------------------------------------------------------------

names() { echo "$1" | while read -r package _; do [ -z "$package" ] || echo "$package"; done; }

missing_packages() {
  for package in "$@"; do
    case $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) in
      installed) ;;
      *) echo "$package" ;;
    esac
  done
}

install_packages() {
  DEBIAN_FRONTEND=noninteractive
  export DEBIAN_FRONTEND
  apt-get -o DPkg::Lock::Timeout=300 update &&
    apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@"
}

system_packages() {
  wanted=$*
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    check_tools
    return
  fi
  # shellcheck disable=SC2086  # package names are words
  missing=$(missing_packages $wanted)
  [ -n "$missing" ] || return 0
  missing=$(echo $missing)
  line="apt-get update && apt-get install -y --no-install-recommends $missing"
  if [ "$(id -u)" -ne 0 ]; then
    tell "these Debian packages are missing: $missing"
    fail "Run this as root, then start again:  $line"
  fi
  # shellcheck disable=SC2086
  step 'Debian packages' "Check the network and /etc/apt/sources.list, then run:  $line" install_packages $missing
}

# On another distribution nothing is installed; what is missing is named.
check_tools() {
  lacking=
  for tool in cmake c++ pkg-config; do
    command -v "$tool" >/dev/null || lacking="$lacking $tool"
  done
  command -v ninja >/dev/null || command -v make >/dev/null || lacking="$lacking ninja"
  for module in zlib libzstd liblzma libmd libbpf; do
    pkg-config --exists "$module" 2>/dev/null || lacking="$lacking $module(development files)"
  done
  pkg-config --exists libdw 2>/dev/null ||
    tell 'libdw (development files) is missing: there will be no source lines and inlined functions.'
  [ -z "$lacking" ] || fail "missing on this system:$lacking. Install them with its package manager, then start again."
}

# --- npm packages --------------------------------------------------------------------------------

# npm is run by the Node it came with, not by the one that npm ci is about to replace.
run_npm() {
  if [ -n "${npm_execpath:-}" ] && [ -n "${npm_node_execpath:-}" ]; then
    "$npm_node_execpath" "$npm_execpath" "$@"
  else
    npm "$@"
  fi
}
npm_ci() {
  run_npm ci --ignore-scripts --include=dev --include=optional --no-audit --no-fund
}

npm_packages() {
  key=$(digest package-lock.json)
  # The stamp lives in node_modules, so that it goes when they go.
  if [ "$(cat node_modules/.sonde-stamp 2>/dev/null)" != "$key" ]; then
    command -v npm >/dev/null || [ -n "${npm_execpath:-}" ] || fail 'npm is not in the PATH: install Node.js with npm.'
    step 'npm packages' 'Check that the npm registry can be reached (npm ping), then start again.' npm_ci
    echo "$key" >node_modules/.sonde-stamp
  fi
  # npm does not link a package's own command.
  [ "$(readlink node_modules/.bin/sonde)" = ../../scripts/sonde ] ||
    { mkdir -p node_modules/.bin && ln -sfn ../../scripts/sonde node_modules/.bin/sonde; }
  find_supported_node "$root" || exit 1
}

# --- native --------------------------------------------------------------------------------------

# native DIRECTORY TARGET CMAKE-OPTION…
native() {
  directory=$1 target=$2
  shift 2
  # A build directory that came from another place cannot be used.
  if [ -f "$directory/CMakeCache.txt" ] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root/native" "$directory/CMakeCache.txt"; then
    rm -rf "$directory"
  fi
  if [ ! -f "$directory/CMakeCache.txt" ] && command -v ninja >/dev/null; then
    set -- -G Ninja "$@"
  fi
  cmake -S native -B "$directory" "$@" && cmake --build "$directory" --parallel --target "$target"
}

native_inputs() {
  # The place and the compiler count too: objects of another one do not fit.
  echo "$root $(c++ -dumpfullversion 2>/dev/null) $(uname -m) $(digest "$@" node_modules/node-addon-api/package.json node_modules/node-api-headers/package.json)"
}
native_addon() {
  native build/native sonde && "$SUPPORTED_NODE" -e 'require(require("path").resolve("build/native/sonde.node"))'
}
build_addon() {
  key=$(native_inputs native)
  [ -f build/native/sonde.node ] && stamped native "$key" && return 0
  step 'native build' 'The compiler says above what it does not accept; on a clean checkout please report it.' native_addon
  stamp native "$key"
}

native_tests() {
  native build/native all -DSONDE_TESTS=ON && native build/native-sanitize all -DSONDE_TESTS=ON -DSONDE_SANITIZE=ON
}
build_native_tests() {
  key=$(native_inputs native test/native)
  stamped native-tests "$key" && [ -d build/native-sanitize ] && return 0
  step 'native tests' 'The compiler says above what it does not accept.' native_tests
  stamp native-tests "$key"
}

# --- TypeScript ----------------------------------------------------------------------------------

build_bundle() {
  key="$(digest src scripts/bundle.ts package-lock.json tsconfig.json)"
  stamped bundle "$key" && { [ -f dist/sonde.mjs ] || [ ! -f src/main.ts ]; } && return 0
  step 'TypeScript bundle' 'esbuild says above what it does not accept.' "$SUPPORTED_NODE" scripts/bundle.ts
  stamp bundle "$key"
}

# --- main ----------------------------------------------------------------------------------------

mode=${1:-run}
case $mode in
  run | check | test) ;;
  *) fail "unknown: '$mode'. Usage: scripts/setup.sh run|check|test" ;;
esac

# One set-up at a time in one checkout.
if command -v flock >/dev/null; then
  exec 9>build/setup.lock
  flock -n 9 || { tell 'waiting for another set-up of this checkout …' && flock 9; }
fi

packages=
[ "$mode" = check ] || packages="$packages $(names "$RUN_PACKAGES")"
[ "$mode" = run ] || packages="$packages $(names "$CHECK_PACKAGES")"
if [ "$mode" = test ]; then
  packages="$packages $(names "$TEST_PACKAGES")"
  command -v go >/dev/null || packages="$packages $go_packages"
fi
# shellcheck disable=SC2086
system_packages $packages
npm_packages
[ "$mode" = check ] && exit 0
build_addon
build_bundle
[ "$mode" = run ] || build_native_tests
