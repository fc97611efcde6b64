#!/bin/sh
# Proves that the typed lint rules notice what they are there for: every line of the fixtures that
# says `// violates: RULE` must be reported by RULE, and nothing else may be.
set -u
root=$(cd "$(dirname "$0")/.." && pwd -P) || exit 1
cd "$root" || exit 1
. scripts/supported-node.sh
find_supported_node "$root" || exit 1

expected=$(cd test/fixtures/lint && awk '/\/\/ violates: / { print FILENAME ":" FNR " " $NF }' ./*.ts | LC_ALL=C sort)
# Reported as expected is: FILE:LINE RULE.
reported=$("$SUPPORTED_NODE" node_modules/eslint/bin/eslint.js --no-ignore --format json test/fixtures/lint |
  "$SUPPORTED_NODE" -e '
    for (const { filePath, messages } of JSON.parse(require("fs").readFileSync(0, "utf8")))
      for (const { line, ruleId } of messages)
        console.log(`./${require("path").basename(filePath)}:${line} ${String(ruleId).replace("typed/", "")}`)
  ' | LC_ALL=C sort)

[ -n "$expected" ] && [ "$expected" = "$reported" ] && exit 0
echo 'The lint rules do not notice what they should (expected, then reported):'
echo "$expected"
echo '--'
echo "$reported"
exit 1
