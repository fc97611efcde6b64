#!/bin/sh
# npm run fuzz [-- TARGET [SECONDS]]: the fuzz targets of test/native/fuzz under clang's libFuzzer, each for so many seconds
# (60 unless told). What it learns stays in build/fuzz/TARGET; an input that fails is build/fuzz/failed/TARGET-…
# Minimise that with  build/native-fuzz/TARGET_fuzzer -minimize_crash=1 -runs=10000 FILE  and keep it in the corpus.
# The target `documents` is another: 10,000 damaged configurations, or SONDE_FUZZ_DOCUMENTS of them.
set -u
root=$(cd "$(dirname "$0")/.." && pwd -P) || exit 1
cd "$root" || exit 1

if [ "${1:-documents}" = documents ]; then
  . scripts/supported-node.sh
  find_supported_node "$root" || exit 1
  echo "fuzz: documents" >&2
  SONDE_FUZZ_DOCUMENTS=${SONDE_FUZZ_DOCUMENTS:-10000} "$SUPPORTED_NODE" --test test/unit/config/documents-fuzz.test.ts || exit 1
  [ $# -eq 0 ] || exit 0
fi

if ! echo 'extern "C" int LLVMFuzzerTestOneInput(const char*, long) { return 0; }' |
  clang++ -x c++ - -fsanitize=fuzzer,address -o /dev/null 2>/dev/null; then
  echo 'fuzz: skipped: clang with libFuzzer is missing: apt-get install -y --no-install-recommends clang libclang-rt-14-dev' >&2
  exit 0
fi

directory=build/native-fuzz
generator=
[ -f $directory/CMakeCache.txt ] || ! command -v ninja >/dev/null || generator='-G Ninja'
# shellcheck disable=SC2086  # two words
cmake $generator -S native -B $directory -DSONDE_FUZZ=ON -DCMAKE_CXX_COMPILER=clang++ || exit 1
cmake --build $directory --parallel || exit 1

failed=
for corpus in test/native/fuzz/corpus/*/; do
  target=$(basename "$corpus")
  [ "${1:-$target}" = "$target" ] || continue
  echo "fuzz: $target for ${2:-60} s" >&2
  mkdir -p "build/fuzz/$target" build/fuzz/failed
  "$directory/${target}_fuzzer" -max_total_time="${2:-60}" -timeout=10 -rss_limit_mb=1024 -max_len=65536 \
    -print_final_stats=1 -artifact_prefix="build/fuzz/failed/$target-" "build/fuzz/$target" "$corpus" || failed="$failed $target"
done
[ -z "$failed" ] || { echo "fuzz: failed:$failed" >&2; exit 1; }
