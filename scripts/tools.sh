# Sourced, in the root of the checkout. The tools that several scripts run.

# Biome by its platform package: the meta package needs platforms that a registry mirror may lack.
case $(uname -m) in
  aarch64 | arm64) biome=$PWD/node_modules/@biomejs/cli-linux-arm64/biome ;;
  *) biome=$PWD/node_modules/@biomejs/cli-linux-x64/biome ;;
esac

# Every C and C++ file that has a layout, NUL-terminated.
native_files() {
  find native test/native \( -name '*.cc' -o -name '*.h' \) -print0 2>/dev/null
}
