#!/bin/sh
# npm run format [FILE…]: lays out TypeScript, JSON, C and C++ as npm run check wants it.
set -u
root=$(cd "$(dirname "$0")/.." && pwd -P) || exit 1
cd "$root" || exit 1
scripts/setup.sh check || exit 1
. scripts/tools.sh
if [ $# -eq 0 ]; then
  native_files | xargs -0 -r clang-format -i --style=file
  "$biome" check --write .
  exit
fi
for file in "$@"; do
  case $file in
    *.cc | *.h) clang-format -i --style=file "$file" ;;
    *) "$biome" check --write "$file" ;;
  esac
done
