#!/bin/sh
# Makes the seeds of the corpus anew: the handmade ones, and small programs of this machine's compiler and linker.
#
#   test/native/fuzz/seeds/make-seeds.sh     after npm run fuzz, which builds fuzz_seeds
set -eu
cd "$(dirname "$0")/../../../.."
corpus=test/native/fuzz/corpus
build/native-fuzz/fuzz_seeds $corpus

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/small.c" <<'SOURCE'
int leaf(int n) { return n * 3; }
__attribute__((noinline)) int inner(int n) { return leaf(n) + n; }
void _start(void) { for (volatile int n = 0;; n++) inner(n); }
SOURCE
small='-nostdlib -static -Wl,-z,noseparate-code -Wl,-z,max-page-size=4096 -Wl,--build-id=sha1'
# shellcheck disable=SC2086  # words
{
  gcc -O1 $small -o "$corpus/elf/gcc" "$work/small.c"
  gcc -O1 $small -s -Wl,--eh-frame-hdr -o "$corpus/elf/gcc-stripped" "$work/small.c"
  # Without the place it was made at: only the rows are wanted of what -g makes.
  gcc -O1 -g1 -fno-asynchronous-unwind-tables $small -o "$corpus/elf/gcc-debug-frame" "$work/small.c"
  objcopy -R .debug_info -R .debug_abbrev -R .debug_line -R .debug_str -R .debug_line_str -R .debug_aranges "$corpus/elf/gcc-debug-frame"
  gcc -O1 -m32 -s $small -o "$work/small32" "$work/small.c" 2>/dev/null && cp "$work/small32" "$corpus/elf/gcc-32" || :
  gcc -O1 -shared -fPIC -nostdlib -Wl,-z,noseparate-code -Wl,-z,max-page-size=4096 -s -o "$corpus/elf/gcc-shared" "$work/small.c"
}
# Its rows, in the frame of cfi_fuzzer.cc, without a header.
objcopy -O binary -j .eh_frame "$corpus/elf/gcc" "$work/eh_frame"
{ printf '\0\0\0'; cat "$work/eh_frame"; } >"$corpus/cfi/gcc"
chmod 644 $corpus/elf/*
ls -l $corpus/elf $corpus/cfi
