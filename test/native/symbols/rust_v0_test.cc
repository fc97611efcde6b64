#include "core/symbols/rust_v0.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "core/symbols/demangle.h"

namespace sonde {
namespace {

constexpr std::string_view kDigits =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// What a type reads as: that of an impl in a crate without a name. Its offset is 3.
std::string ReadType(const std::string& type) {
  const std::string name = "_RMC0" + type;
  const std::string text = Demangle(name);
  if (text == name) return "not demangled";
  return text.substr(1, text.size() - 2);
}

/// What a constant argument of a type reads as.
std::string ReadConstant(const std::string& constant) {
  const std::string text = ReadType("IC1aK" + constant + "E");
  return text.starts_with("a<") ? text.substr(2, text.size() - 3) : text;
}

std::string Repeated(std::string_view piece, int times) {
  std::string text;
  for (int i = 0; i < times; i++) text += piece;
  return text;
}

/// A reference to an offset of 1 to 3,844.
std::string ReferenceTo(size_t offset) {
  std::string digits;
  if (offset > kDigits.size()) digits += kDigits[(offset - 1) / kDigits.size()];
  return "B" + digits + kDigits[(offset - 1) % kDigits.size()] + "_";
}

struct Example {
  std::string mangled;
  std::string read;
};

/// From the description of the format in the rustc book and from RFC 2603.
const std::vector<Example>& Examples() {
  static const std::vector<Example> examples = {
      {"_RNvMsr_NtCs3ssYzQotkvD_3std4pathNtB5_7PathBuf3newCs15kBYyAo9fc_7mycrate",
       "<std::path::PathBuf>::new"},
      {"_RNvCs15kBYyAo9fc_7mycrate7example", "mycrate::example"},
      {"_RNvMs_Cs4Cv8Wi1oAIB_7mycrateNtB4_7Example3foo", "<mycrate::Example>::foo"},
      {"_RNvXCs15kBYyAo9fc_7mycrateNtB2_7ExampleNtB2_5Trait3foo",
       "<mycrate::Example as mycrate::Trait>::foo"},
      {"_RNvYNtCs15kBYyAo9fc_7mycrate7ExampleNtB4_5Trait7exampleB4_",
       "<mycrate::Example as mycrate::Trait>::example"},
      {"_RNCNvCsgStHSCytQ6I_7mycrate4main0B3_", "mycrate::main::{closure#0}"},
      {"_RNCNvCsgStHSCytQ6I_7mycrate4mains_0B3_", "mycrate::main::{closure#1}"},
      {"_RINvCsgStHSCytQ6I_7mycrate7examplelKj1_EB2_", "mycrate::example::<i32, 1>"},
      {"_RINvCs7qp2U7fqm6G_7mycrate7exampleAtj8_EB2_", "mycrate::example::<[u16; 8]>"},
      {"_RINvCs7qp2U7fqm6G_7mycrate7exampleFG0_RL1_hRL0_tEuEB2_",
       "mycrate::example::<for<'a, 'b> fn(&'a u8, &'b u16)>"},
      {"_RINvCs7qp2U7fqm6G_7mycrate7exampleKy12345678_EB2_", "mycrate::example::<305419896>"},
      {"_RNvNvMCsd9PVOYlP1UU_7mycrateINtB4_7ExamplepKpE3foo14EXAMPLE_STATIC",
       "<mycrate::Example<_, _>>::foo::EXAMPLE_STATIC"},
      {"_RINvCs7qp2U7fqm6G_7mycrate7exampleNtB2_7ExampleBw_EB2_",
       "mycrate::example::<mycrate::Example, mycrate::Example>"},
      {"_RINvMsY_NtCseXNvpPnDBDp_3std4pathNtB6_4Path3neweECs7qp2U7fqm6G_7mycrate",
       "<std::path::Path>::new::<str>"},
      {"_RNvNvNvCs7qp2U7fqm6G_7mycrate7EXAMPLE7___getit5___KEY$tlv$init",
       "mycrate::EXAMPLE::__getit::__KEY"},
      {"_RNvNtNtCsgOH4LzxkuMq_7mycrateu8gdel_5qa6escher4bach", "mycrate::gödel::escher::bach"},
      {"_RNvYNtC5rusty3BoxNtNtC4core3fmt5Debug3fmt", "<rusty::Box as core::fmt::Debug>::fmt"},
      {"_RNvXNtC5rusty4deepINtB2_1WlENtNtC4core3fmt5Debug3fmt",
       "<rusty::deep::W<i32> as core::fmt::Debug>::fmt"},
      {"_RNSNvC1a1b11reify_fnptr", "a::b::{shim:reify_fnptr#0}"},
      {"_RNXNvC1a1bs5_1c", "a::b::{X:c#7}"},
      {"_RNvC6_123foo3bar", "123foo::bar"},
      {"_RINvC1a1bDG_INtC4core2FnTRL0_hEEp6OutputuEL_E",
       "a::b::<dyn for<'a> core::Fn<(&'a u8,), Output = ()>>"},
  };
  return examples;
}

TEST(RustV0, ThePublishedExamplesReadAsPublished) {
  for (const auto& [mangled, read] : Examples()) EXPECT_EQ(Demangle(mangled), read) << mangled;
}

TEST(RustV0, Types) {
  EXPECT_EQ(ReadType("TabcdefhijE"), "(i8, bool, char, f64, str, f32, u8, isize, usize)");
  EXPECT_EQ(ReadType("TlmnopstuvxyzE"),
            "(i32, u32, i128, u128, _, i16, u16, (), ..., i64, u64, !)");
  EXPECT_EQ(ReadType("TE"), "()");
  EXPECT_EQ(ReadType("TlE"), "(i32,)");
  EXPECT_EQ(ReadType("ROPQSl"), "&*mut *const &mut [i32]");
  EXPECT_EQ(ReadType("C4f128"), "f128");
  EXPECT_EQ(ReadType("IC1aL_lE"), "a<'_, i32>");
  EXPECT_EQ(ReadType("RL_h"), "&u8");
}

TEST(RustV0, FunctionPointers) {
  EXPECT_EQ(ReadType("FEu"), "fn()");
  EXPECT_EQ(ReadType("FUKClmEz"), "unsafe extern \"C\" fn(i32, u32) -> !");
  EXPECT_EQ(ReadType("FK8C_unwindEu"), "extern \"C-unwind\" fn()");
  EXPECT_EQ(ReadType("FK0Eu"), "not demangled");
  EXPECT_EQ(ReadType("FKu3abcEu"), "not demangled");
}

TEST(RustV0, TraitObjects) {
  EXPECT_EQ(ReadType("DC1aEL_"), "dyn a");
  EXPECT_EQ(ReadType("DC1aC1bEL_"), "dyn a + b");
  EXPECT_EQ(ReadType("DC1ap4ItemhEL_"), "dyn a<Item = u8>");
  EXPECT_EQ(ReadType("DIC1alEp1NKj3_EL_"), "dyn a<i32, N = 3>");
  EXPECT_EQ(ReadType("TIC1alEDB3_p1NhEL_E"), "(a<i32>, dyn a<i32, N = u8>)");
  EXPECT_EQ(ReadType("DC1aE"), "not demangled") << "the lifetime is not optional";
}

TEST(RustV0, LifetimesAreNamedFromTheOutermostBinderOn) {
  EXPECT_EQ(ReadType("FG_FG_RL1_hEuEu"), "for<'a> fn(for<'b> fn(&'a u8))");
  EXPECT_EQ(ReadType("FG_DC1aEL0_Eu"), "for<'a> fn(dyn a + 'a)");
  const std::string many = ReadType("FGr_RL_hRL0_hEu");
  EXPECT_TRUE(many.ends_with(", 'z, '_26, '_27, '_28> fn(&u8, &'_28 u8)")) << many;
  EXPECT_EQ(ReadType("RL0_h"), "not demangled") << "no binder";
  EXPECT_EQ(ReadType("TFG_EuRL0_hE"), "not demangled") << "behind its binder";
}

TEST(RustV0, Constants) {
  EXPECT_EQ(ReadConstant("p"), "_");
  EXPECT_EQ(ReadConstant("j0_"), "0");
  EXPECT_EQ(ReadConstant("j00ff_"), "255");
  EXPECT_EQ(ReadConstant("iNf_"), "not demangled");
  EXPECT_EQ(ReadConstant("inf_"), "-15");
  EXPECT_EQ(ReadConstant("hnf_"), "not demangled") << "unsigned";
  EXPECT_EQ(ReadConstant("yffffffffffffffff_"), "18446744073709551615");
  EXPECT_EQ(ReadConstant("o10000000000000000_"), "0x10000000000000000");
  EXPECT_EQ(ReadConstant("j_"), "not demangled");
  EXPECT_EQ(ReadConstant("b0_"), "false");
  EXPECT_EQ(ReadConstant("b1_"), "true");
  EXPECT_EQ(ReadConstant("b2_"), "not demangled");
}

TEST(RustV0, CharactersAndStringsAreWrittenAsLiterals) {
  EXPECT_EQ(ReadConstant("c76_"), "'v'");
  EXPECT_EQ(ReadConstant("ca_"), "'\\n'");
  EXPECT_EQ(ReadConstant("c27_"), "'\\''");
  EXPECT_EQ(ReadConstant("c22_"), "'\"'");
  EXPECT_EQ(ReadConstant("c2202_"), "'∂'");
  EXPECT_EQ(ReadConstant("c1f30a_"), "'🌊'");
  EXPECT_EQ(ReadConstant("c1b_"), "'\\u{1b}'") << "a terminal would obey it";
  EXPECT_EQ(ReadConstant("c202e_"), "'\\u{202e}'");
  EXPECT_EQ(ReadConstant("cd800_"), "not demangled") << "a surrogate";
  EXPECT_EQ(ReadConstant("c110000_"), "not demangled");
  EXPECT_EQ(ReadConstant("Re_"), "\"\"");
  EXPECT_EQ(ReadConstant("Re2227c3bc5c_"), "\"\\\"'ü\\\\\"");
  EXPECT_EQ(ReadConstant("e6162_"), "{*\"ab\"}");
  for (const std::string broken : {"Re6_", "Rec3_", "Rec0af_", "Reeda080_", "Ref5808080_"}) {
    EXPECT_EQ(ReadConstant(broken), "not demangled") << broken;
  }
}

TEST(RustV0, CompoundConstantsAreExpressionsInBraces) {
  EXPECT_EQ(ReadConstant("RAh1_h2_E"), "{&[1, 2]}");
  EXPECT_EQ(ReadConstant("QTb1_E"), "{&mut (true,)}");
  EXPECT_EQ(ReadConstant("VNvC1a4NoneU"), "{a::None}");
  EXPECT_EQ(ReadConstant("VNvINtC1a6OptionjE4SomeTj0_E"), "{a::Option::<usize>::Some(0)}");
  EXPECT_EQ(ReadConstant("VC1bS1sRe616263_1ch7_E"), "{b { s: \"abc\", c: 7 }}");
  EXPECT_EQ(ReadConstant("VC1b"), "not demangled");
}

TEST(RustV0, PatternTypes) {
  EXPECT_EQ(ReadType("WmRm1_m9_"), "u32 is 1..=9");
  EXPECT_EQ(ReadType("WlORln5_l7_Rl9_lc_E"), "i32 is -5..=7 | 9..=12");
}

TEST(RustV0, PunycodeReadsAsItsLetters) {
  for (const auto& [encoded, letters] :
       {Example{"u6f_5gaa", "føø"}, Example{"u7___ylb7e", "α_ω"}, Example{"u6n84amf", "铁锈"},
        Example{"u6fq9hfq9h", "not demangled"}, Example{"u4fq9h", "🤦"},
        Example{"u6_2xaedc", "ρυστ"}, Example{"u1_", "not demangled"},
        Example{"u0", "not demangled"}, Example{"u3a_b", "not demangled"},
        Example{"u20a_99999999999999999", "not demangled"}}) {
    const std::string text = ReadType("NtC1a" + encoded);
    EXPECT_EQ(text.starts_with("a::") ? text.substr(3) : text, letters) << encoded;
  }
}

TEST(RustV0, WhatLinkersAppendIsLeftOut) {
  EXPECT_EQ(Demangle("_RNvC1a1b.llvm.9D1C9369"), "a::b");
  EXPECT_EQ(Demangle("_RNvC1a1b.llvm.9D1C9369@@16"), "a::b");
  EXPECT_EQ(Demangle("_RNvC1a1b.cold"), "a::b");
  EXPECT_EQ(Demangle("_RNvC1a1bC1c.0.0"), "a::b");
  EXPECT_EQ(Demangle("_RNvC1a1b@plt"), "a::b@plt");
}

TEST(RustV0, WhatIsNoSuchNameStaysAsItIs) {
  for (const std::string name : {"_R",
                                 "_RC0",
                                 "_R0NvC1a1b",
                                 "_RNvC1a1b ",
                                 "_RNvC1a1b-",
                                 "_RNvC1a2b",
                                 "_RNvC1a1bC1",
                                 "_RNvC1a1bxx",
                                 "_RN0C1a1b",
                                 "_RB_",
                                 "_RNvB_1b",
                                 "_RNvB3_1b",
                                 "_RNvC1a01b",
                                 "_RNvC99999999999999999999991a",
                                 "_RNvCszzzzzzzzzzzzzzz_1a1b",
                                 "_RINvC1a1bl",
                                 "_RZ",
                                 "_RNvC1a3\xc3\xbc",
                                 "_RMC0g",
                                 "_RMC0WmX",
                                 "_RNvC1au0"}) {
    EXPECT_EQ(Demangle(name), name);
  }
  EXPECT_FALSE(DemangleRustV0("NvC1a1b"));
  EXPECT_FALSE(DemangleRustV0(std::string_view("_RNvC1a\0001b", 10)));
}

/// From memory that ends with the name, so that the sanitizers see a letter too many being read.
void ReadAlone(const std::string& name) {
  const std::vector<char> exact(name.begin(), name.end());
  const auto text = DemangleRustV0(std::string_view(exact.data(), exact.size()));
  EXPECT_NE(text, "") << name;
}

TEST(RustV0, EveryBeginningOfANameIsRead) {
  for (const auto& [mangled, read] : Examples()) {
    for (size_t size = 0; size <= mangled.size(); size++) ReadAlone(mangled.substr(0, size));
  }
}

TEST(RustV0, NamesWithAWrongLetterAreRead) {
  for (const auto& [mangled, read] : Examples()) {
    for (size_t place = 2; place < mangled.size(); place++) {
      std::string wrong = mangled;
      for (const char letter : kDigits) {
        wrong[place] = letter;
        ReadAlone(wrong);
      }
    }
  }
}

TEST(RustV0, NestingHasALimit) {
  EXPECT_EQ(ReadType(Repeated("R", 400) + "h"), Repeated("&", 400) + "u8");
  EXPECT_EQ(ReadType(Repeated("R", 4000) + "h"), "not demangled");
  EXPECT_EQ(ReadType(Repeated("T", 2000) + Repeated("E", 2000)), "not demangled");
  for (const std::string_view opening : {"Nv", "I", "MC0", "YS", "FK1a", "DI", "AIC1aKA", "WmO"}) {
    const std::string name = "_R" + Repeated(opening, 4000 / static_cast<int>(opening.size()));
    EXPECT_EQ(Demangle(name), name);
  }
  const std::string constant = "VC1aT" + Repeated("RA", 1500) + "h1_" + Repeated("E", 1501);
  EXPECT_EQ(ReadConstant(constant), "not demangled");
}

TEST(RustV0, ReferencesToReferencesHaveALimit) {
  const auto chain = [](int length) {
    std::string elements = "h";
    size_t last = 4;
    for (int i = 1; i < length; i++) {
      const size_t next = 4 + elements.size();
      elements += ReferenceTo(last);
      last = next;
    }
    return ReadType("T" + elements + "E");
  };
  EXPECT_EQ(chain(100), "(u8" + Repeated(", u8", 99) + ")");
  EXPECT_EQ(chain(700), "not demangled");
}

/// Tuples of two in each other, the second a reference to the first: doubles with each level.
std::string Doubling(int levels) {
  std::string type = Repeated("T", levels) + "p";
  for (int level = levels; level > 0; level--)
    type += ReferenceTo(static_cast<size_t>(3 + level)) + "E";
  return type;
}

TEST(RustV0, NamesThatSpellGigabytesStayAsTheyAre) {
  EXPECT_EQ(ReadType(Doubling(2)), "((_, _), (_, _))");
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(ReadType(Doubling(20)), "not demangled");
  EXPECT_EQ(ReadType(Doubling(50)), "not demangled");
  EXPECT_EQ(ReadType("FGzzzzzzzzz_Eu"), "not demangled") << "a for<…> of 10^16 lifetimes";
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
}

TEST(RustV0, NamesThatSayLittleButTakeLongStayAsTheyAre) {
  // Many references to a name with a long number, which is not shown.
  const std::string heavy = "Cs" + Repeated("0", 2000) + "_1a";
  const auto read = [&heavy](int times) {
    return ReadType("T" + heavy + Repeated(ReferenceTo(4), times) + "E");
  };
  EXPECT_EQ(read(2), "(a, a, a)");
  EXPECT_EQ(read(600), "not demangled");
  const std::string name = "_RNvC1a5000" + Repeated("x", 5000);
  EXPECT_EQ(Demangle(name), name);
}

}  // namespace
}  // namespace sonde
