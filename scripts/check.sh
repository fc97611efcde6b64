#!/bin/sh
# npm run check: types, lint and layout, the import table, the layout of native/. Under a minute.
# Runs everything even after a failure; exits 1 if anything failed.
set -u
root=$(cd "$(dirname "$0")/.." && pwd -P) || exit 1
cd "$root" || exit 1
[ "${1:-}" = --no-setup ] || scripts/setup.sh check || exit 1
. scripts/supported-node.sh
find_supported_node "$root" || exit 1
. scripts/tools.sh

failed=
check() {
  name=$1
  shift
  started=$(date +%s)
  if "$@"; then
    echo "check: $name … ok, $(($(date +%s) - started)) s" >&2
  else
    echo "check: $name … FAILED" >&2
    failed="$failed, $name"
  fi
}

types() { "$SUPPORTED_NODE" node_modules/typescript-7/bin/tsc; }
lint() { "$biome" check --error-on-warnings --max-diagnostics=50 .; }
# The rules that need types; Biome infers too little of them.
typed_lint() { "$SUPPORTED_NODE" node_modules/eslint/bin/eslint.js --max-warnings 0; }
# A rule that notices nothing looks like code without mistakes: the proof is a file full of them.
lint_proof() { sh scripts/prove-lint.sh; }
architecture() {
  "$SUPPORTED_NODE" --test --test-reporter=dot test/architecture.test.ts >build/log/architecture.log 2>&1 ||
    { "$SUPPORTED_NODE" --test --test-reporter=spec test/architecture.test.ts; false; }
}
native_layout() { native_files | xargs -0 -r clang-format --dry-run -Werror --style=file; }

check 'types (tsc)' types
check 'lint and layout (biome)' lint
check 'lint with types (eslint)' typed_lint
check 'lint notices violations' lint_proof
check 'imports (architecture test)' architecture
check 'layout of native (clang-format)' native_layout

if [ -n "$failed" ]; then
  echo "check: failed: ${failed#, }. npm run format repairs layout." >&2
  exit 1
fi
