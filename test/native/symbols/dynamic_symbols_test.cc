// Single symbols found through a file's hash table, as the dynamic linker finds them.
#include "core/symbols/dynamic_symbols.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <link.h>

#include "symbols/elf_builder.h"

namespace sonde {
namespace {

/// The C library of this process, which has some 3,000.
TargetFile LibraryOfC(uint64_t& base) {
  Dl_info info = {};
  dladdr(reinterpret_cast<void*>(&::getenv), &info);
  base = reinterpret_cast<uint64_t>(info.dli_fbase);
  return std::move(
      *TargetFile::FromDescriptor(UniqueFd(open(info.dli_fname, O_RDONLY | O_CLOEXEC))));
}

TEST(DynamicSymbols, AreThoseThatTheDynamicLinkerFinds) {
  uint64_t base = 0;
  const TargetFile file = LibraryOfC(base);
  const auto headers = ElfHeaders::Read(file);
  const auto symbols = DynamicSymbols::Open(file, *ReadElfSections(file, *headers));
  ASSERT_TRUE(symbols);
  // Not the sanitizers' own, which the program has of the same names.
  void* const libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
  ASSERT_NE(libc, nullptr);
  for (const char* name : {"fopen64", "getpid", "qsort_r", "pthread_sigmask"}) {
    const auto found = symbols->Find(name);
    ASSERT_TRUE(found) << name;
    EXPECT_EQ(base + found->svma, reinterpret_cast<uint64_t>(dlsym(libc, name))) << name;
  }
  dlclose(libc);
  EXPECT_FALSE(symbols->Find("no_such_symbol"));
  EXPECT_FALSE(symbols->Find(""));
}

TEST(DynamicSymbols, AreNoneWhereTheFileHasNoHashTable) {
  TestElf elf;
  elf.dynamic_symbols = {{"f", kTextSvma, 4}};
  const TargetFile file = FileOf(elf.Bytes());
  const auto headers = ElfHeaders::Read(file);
  EXPECT_FALSE(DynamicSymbols::Open(file, *ReadElfSections(file, *headers)));
}

}  // namespace
}  // namespace sonde
