#!/bin/sh
# npm run test:corpus [-- FILE…]: test/corpus: files of every perf that Debian offers (5.10 to the newest, and one of 32 bits), recorded
# in some sixty ways and read by Sonde and by the perf that recorded them; and files of Sonde's, read by all of them. Not part of
# npm test: needs root, a mirror of Debian, 1 GB and minutes. What cannot be had is said, and its tests skip with the reason.
#
#   SONDE_CORPUS_DIR    where perfs and recordings are kept (build/corpus)
#   SONDE_CORPUS_ONLY   only these perfs: 5.10,6.1,6.1 of i386,backports,6.12,newest
#
# Best on a quiet machine: a busy one only makes the recordings larger.
set -u
root=$(cd "$(dirname "$0")/.." && pwd -P) || exit 1
cd "$root" || exit 1
if [ "${1:-}" = --no-setup ]; then shift; else scripts/setup.sh run || exit 1; fi
. scripts/supported-node.sh
find_supported_node "$root" || exit 1
[ "$(uname -m)" = x86_64 ] || { echo "corpus: unpacks perfs for x86_64; this is $(uname -m)." >&2; exit 1; }
[ "$(id -u)" -eq 0 ] || { echo 'corpus: recording the whole machine and tracepoints needs root.' >&2; exit 1; }
for program in apt-get dpkg-deb; do
  command -v "$program" >/dev/null || { echo "corpus: needs Debian: there is no $program." >&2; exit 1; }
done

[ $# -gt 0 ] || set -- test/corpus/*.test.ts
# One file at a time: they record the machine, and would record each other.
exec "$SUPPORTED_NODE" --test --test-concurrency=1 --test-reporter=spec "$@"
