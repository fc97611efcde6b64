#!/bin/sh
# Proves that the typed lint rules notice what they are there for: every line of the fixture that
# says `// violates: RULE` must be reported by RULE, and nothing else may be.
set -u
root=$(cd "$(dirname "$0")/.." && pwd -P) || exit 1
cd "$root" || exit 1
. scripts/tools.sh

# Biome ignores the fixtures where they lie, so it gets a copy.
copy=$(mktemp -d) || exit 1
trap 'rm -rf "$copy"' EXIT
mkdir "$copy/src"
cp test/fixtures/lint/*.ts "$copy/src/"
cp biome.json tsconfig.json "$copy/"

expected=$(cd "$copy/src" && awk '/\/\/ violates: / { print FILENAME ":" FNR " " $NF }' *.ts | LC_ALL=C sort)
reported=$(biome lint --max-diagnostics=none --reporter=github "$copy" 2>/dev/null |
  sed -n 's/^::[a-z]* title=lint\/[a-z]*\/\([A-Za-z]*\),file=\([^,]*\/\)*\([^,/]*\),line=\([0-9]*\),.*/\3:\4 \1/p' | LC_ALL=C sort)

[ -n "$expected" ] && [ "$expected" = "$reported" ] && exit 0
echo 'The lint rules do not notice what they should (expected, then reported):'
echo "$expected"
echo '--'
echo "$reported"
exit 1
