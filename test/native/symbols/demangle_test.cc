#include "core/symbols/demangle.h"

#include <cxxabi.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <string_view>

namespace sonde {
namespace {

TEST(Demangle, CppNamesReadAsTheCompilersOwnLibraryReadsThem) {
  for (const std::string name :
       {"_ZN3foo3barEv", "_ZNSt6vectorIiSaIiEE9push_backERKi", "_Z3fooILi3EEvRAT__Kc",
        "_ZN12_GLOBAL__N_13runERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE",
        "_ZZN1A1fEvENKUlvE_clEv", "_Z3foov.cold",
        "_ZStlsISt11char_traitsIcEERSt13basic_ostreamIcT_ES5_PKc"}) {
    char* expected = abi::__cxa_demangle(name.c_str(), nullptr, nullptr, nullptr);
    ASSERT_NE(expected, nullptr) << name;
    EXPECT_EQ(Demangle(name), expected);
    std::free(expected);
  }
}

TEST(Demangle, WhatIsNoMangledNameStaysAsItIs) {
  // Each of these is a type to a demangler that is asked for types.
  for (const std::string name : {"i", "f", "main", "St", "_Znot mangled", "_Z", "", "@"}) {
    EXPECT_EQ(Demangle(name), name);
  }
}

TEST(Demangle, TheSymbolVersionIsLeftOut) {
  EXPECT_EQ(Demangle("memcpy@@GLIBC_2.14"), "memcpy");
  EXPECT_EQ(Demangle("read@plt"), "read@plt");
  EXPECT_EQ(Demangle("_ZNSt8ios_base4InitC1Ev@plt"), "std::ios_base::Init::Init()@plt");
  EXPECT_EQ(Demangle("_ZNSt8ios_base4InitC1Ev@GLIBCXX_3.4"), "std::ios_base::Init::Init()");
}

TEST(Demangle, RustNamesLoseTheirHash) {
  EXPECT_EQ(Demangle("_ZN4core3fmt5write17h0123456789abcdefE"), "core::fmt::write");
  EXPECT_EQ(Demangle("_ZN4core3fmt5write17h0123456789abcdefE.llvm.77"), "core::fmt::write");
  EXPECT_EQ(Demangle("_ZN71_$LT$Test$u20$$u2b$$u20$$u27$static$u20$as$u20$foo..Bar$LT$Test$GT$$GT$"
                     "3bar17h930b740aa94f1d3aE"),
            "<Test + 'static as foo::Bar<Test>>::bar");
}

TEST(Demangle, AnEscapeThatIsNoneStaysInARustName) {
  EXPECT_EQ(Demangle("_ZN3a$b6c$u1$d17h0123456789abcdefE"), "a$b::c$u1$d");
}

/// f<X<A,A>, X<that,that>, X<that,that>, …>: each argument is twice as long as the one before.
std::string Doubling(int levels) {
  constexpr std::string_view kDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  std::string name = "_Z1fI1XI1AS1_E";
  for (int level = 0; level < levels; level++) {
    const std::string before = std::string("S") + kDigits[static_cast<size_t>(level) + 2] + "_";
    name += "S0_I" + before + before + "E";
  }
  return name + "Evv";
}

TEST(Demangle, NamesThatSpellGigabytesStayAsTheyAre) {
  EXPECT_EQ(Demangle(Doubling(1)), "void f<X<A, A>, X<X<A, A>, X<A, A> > >()");
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(Demangle(Doubling(12)), Doubling(12)) << "12 levels are few references, 50 KB of text";
  EXPECT_EQ(Demangle(Doubling(33)), Doubling(33));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
}

TEST(Demangle, LongNamesStayAsTheyAre) {
  const std::string name = "_Z5000" + std::string(5000, 'x') + "v";
  EXPECT_EQ(Demangle(name), name);
}

}  // namespace
}  // namespace sonde
