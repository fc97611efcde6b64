#!/bin/sh
# npm test [-- FILE…]: set-up, C++ tests (plain and under sanitizers), npm run check, then every
# TypeScript test, whose runner has the last word. With FILE…: only those TypeScript tests.
#
#   scripts/test.sh           everything
#   scripts/test.sh node      only the TypeScript tests
#   scripts/test.sh native    only the C++ tests
#   scripts/test.sh sanitize  only the C++ tests under ASan and UBSan
#
# Every part runs even after a failure of another; exits 1 if anything failed.
set -u
root=$(cd "$(dirname "$0")/.." && pwd -P) || exit 1
cd "$root" || exit 1
scripts/setup.sh test || exit 1
. scripts/supported-node.sh
find_supported_node "$root" || exit 1

rm -f build/log/node-tests.log
failed=
part() {
  name=$1
  shift
  echo "test: $name" >&2
  "$@" || {
    echo "test: $name FAILED" >&2
    failed="$failed, $name"
  }
}

native_tests() {
  ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=1:strict_string_checks=1} \
    UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1} \
    ctest --test-dir "$1" --output-on-failure --no-tests=ignore --parallel "$(nproc)" >build/log/ctest.log 2>&1
  status=$?
  if [ $status -ne 0 ]; then
    grep -vE '^ *(Start +[0-9]+:|[0-9]+/[0-9]+ Test .* Passed)' build/log/ctest.log
  else
    grep -iE 'tests passed|no tests' build/log/ctest.log
  fi
  return $status
}

# One file at a time: many of them measure, and would measure each other.
node_tests() {
  "$SUPPORTED_NODE" --test --test-concurrency="${SONDE_TEST_CONCURRENCY:-1}" \
    --test-reporter=spec --test-reporter-destination=stdout \
    --test-reporter=spec --test-reporter-destination=build/log/node-tests.log "$@"
}
closing_counts() {
  sed 's/\x1b\[[0-9;]*m//g' build/log/node-tests.log |
    grep -E '^. (tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [0-9.]+$' | tail -n 8
}
all_node_tests() {
  # shellcheck disable=SC2046  # names of tests have no blanks
  node_tests $(find test/unit test/contract test/integration -name '*.test.ts' 2>/dev/null | LC_ALL=C sort) \
    test/architecture.test.ts
}

case ${1:-all} in
  all)
    part 'C++' native_tests build/native
    part 'C++ under ASan and UBSan' native_tests build/native-sanitize
    part 'check' scripts/check.sh --no-setup
    part 'TypeScript' all_node_tests
    ;;
  node) part 'TypeScript' all_node_tests ;;
  native) part 'C++' native_tests build/native ;;
  sanitize) part 'C++ under ASan and UBSan' native_tests build/native-sanitize ;;
  *) part 'TypeScript' node_tests "$@" ;;
esac

[ -n "$failed" ] || exit 0
[ ! -f build/log/node-tests.log ] || closing_counts
echo "test: failed: ${failed#, }" >&2
exit 1
