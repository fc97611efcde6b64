#include "core/symbols/rust_v0_printer.h"

namespace sonde {
namespace {

/// Types of one letter; empty for a letter that is none.
std::string_view BasicType(char tag) {
  constexpr std::string_view kTypes[26] = {"i8",   "bool",  "char",  "f64", "str", "f32", "",
                                           "u8",   "isize", "usize", "",    "i32", "u32", "i128",
                                           "u128", "_",     "",      "",    "i16", "u16", "()",
                                           "...",  "",      "i64",   "u64", "!"};
  return tag >= 'a' && tag <= 'z' ? kTypes[tag - 'a'] : std::string_view();
}

}  // namespace

void RustV0Printer::Type() {
  const Nesting nesting(*this);
  const char next = reader_.Peek();
  if (next == 'C' || next == 'N' || next == 'M' || next == 'X' || next == 'Y' || next == 'I') {
    return Path(Place::kType);
  }
  const char tag = reader_.Take();
  switch (tag) {
    case 'R':
    case 'Q':
      return Reference(tag);
    case 'P':
    case 'O':
      Print(tag == 'P' ? "*const " : "*mut ");
      return Type();
    case 'A':
    case 'S':
      Print("[");
      Type();
      if (tag == 'A') {
        Print("; ");
        Constant(Place::kValue);
      }
      return Print("]");
    case 'T':
      return Tuple();
    case 'F':
      return InBinder([this] { FunctionPointer(); });
    case 'D':
      return DynTraits();
    case 'w':
      // An argument that stands for all the others (experimental in 2026).
      Print("#[splat] ");
      return Type();
    case 'W':
      Type();
      Print(" is ");
      return Pattern();
    case 'B':
      return Refer([this] { Type(); });
    default:
      if (BasicType(tag).empty()) return reader_.Fail();
      return Print(BasicType(tag));
  }
}

void RustV0Printer::Reference(char tag) {
  Print("&");
  const uint64_t lifetime = reader_.Eat('L') ? reader_.Base62() : 0;
  if (lifetime > 0) {
    Lifetime(lifetime);
    Print(" ");
  }
  if (tag == 'Q') Print("mut ");
  Type();
}

void RustV0Printer::Tuple() {
  Print("(");
  // (A,) is a tuple, (A) is just A.
  if (List(&RustV0Printer::Type, ", ") == 1) Print(",");
  Print(")");
}

void RustV0Printer::FunctionPointer() {
  if (reader_.Eat('U')) Print("unsafe ");
  if (reader_.Eat('K')) FunctionAbi();
  Print("fn(");
  List(&RustV0Printer::Type, ", ");
  Print(")");
  // A function that returns () says nothing about it.
  if (reader_.Eat('u')) return;
  Print(" -> ");
  Type();
}

void RustV0Printer::FunctionAbi() {
  if (reader_.Eat('C')) return Print("extern \"C\" ");
  const RustV0Identifier abi = reader_.PlainIdentifier();
  if (abi.letters.empty() || abi.punycode) return reader_.Fail();
  std::string name(abi.letters);
  // A symbol has no hyphens, a calling convention no underscores.
  for (char& letter : name) letter = letter == '_' ? '-' : letter;
  Print("extern \"" + name + "\" ");
}

void RustV0Printer::DynTraits() {
  Print("dyn ");
  InBinder([this] { List(&RustV0Printer::DynTrait, " + "); });
  if (!reader_.Eat('L')) return reader_.Fail();
  const uint64_t lifetime = reader_.Base62();
  if (lifetime == 0) return;
  Print(" + ");
  Lifetime(lifetime);
}

/// A trait with what it is told of its types: `Iterator<Item = u8>`. They follow the arguments it may have.
void RustV0Printer::DynTrait() {
  bool open = OpenPath();
  while (reader_.Eat('p')) {
    Print(open ? ", " : "<");
    open = true;
    Name(reader_.PlainIdentifier());
    Print(" = ");
    if (reader_.Eat('K')) {
      Constant(Place::kType);
    } else {
      Type();
    }
  }
  if (open) Print(">");
}

void RustV0Printer::Pattern() {
  const Nesting nesting(*this);
  switch (reader_.Take()) {
    case 'R':
      Constant(Place::kType);
      Print("..=");
      return Constant(Place::kType);
    case 'O':
      List(&RustV0Printer::Pattern, " | ");
      return;
    case 'N':
      return Print("!null");
    default:
      return reader_.Fail();
  }
}

template <typename Read>
void RustV0Printer::InBinder(Read&& read) {
  const uint64_t added = reader_.Counted('G');
  const uint64_t outside = bound_lifetimes_;
  // The text ends, and the loop with it, before a number of lifetimes that nobody writes has been counted.
  for (uint64_t i = 0; silent_ == 0 && reader_.ok() && i < added; i++) {
    Print(i == 0 ? "for<" : ", ");
    LifetimeName(outside + i);
  }
  if (added > 0) Print("> ");
  bound_lifetimes_ += added;
  read();
  bound_lifetimes_ = outside;
}

void RustV0Printer::Lifetime(uint64_t index) {
  if (index == 0) return Print("'_");
  if (index > bound_lifetimes_) return reader_.Fail();
  LifetimeName(bound_lifetimes_ - index);
}

void RustV0Printer::LifetimeName(uint64_t level) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz";
  Print("'");
  Print(level < kLetters.size() ? kLetters.substr(level, 1) : "_" + std::to_string(level));
}

}  // namespace sonde
