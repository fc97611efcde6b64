#!/bin/sh
# npm run bench [-- NAME…]: runs test/bench/NAME.bench.ts, or every benchmark. Not part of npm test.
set -u
root=$(cd "$(dirname "$0")/.." && pwd -P) || exit 1
cd "$root" || exit 1
scripts/setup.sh test || exit 1
. scripts/supported-node.sh
find_supported_node "$root" || exit 1

if [ $# -eq 0 ]; then
  set -- $(find test/bench -name '*.bench.ts' 2>/dev/null | LC_ALL=C sort | sed 's|.*/||; s|\.bench\.ts$||')
  [ $# -gt 0 ] || { echo 'bench: no benchmarks in test/bench yet' >&2; exit 1; }
fi
for name in "$@"; do
  echo "bench: $name" >&2
  # shellcheck disable=SC2086  # the flags are words
  "$SUPPORTED_NODE" $SONDE_NODE_FLAGS --expose-gc "test/bench/$name.bench.ts" || exit 1
done
