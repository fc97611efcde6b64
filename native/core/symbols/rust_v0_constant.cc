#include <algorithm>
#include <charconv>

#include "core/symbols/rust_v0_printer.h"
#include "core/symbols/utf8.h"

namespace sonde {
namespace {

/// The digits as a number; nothing beyond 64 bits.
std::optional<uint64_t> HexNumber(std::string_view digits) {
  uint64_t number = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
  if (parsed.ec != std::errc()) return std::nullopt;
  return number;
}

/// The text whose bytes the digits spell, two each.
std::optional<std::u32string> HexText(std::string_view digits) {
  if (digits.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  for (size_t i = 0; i < digits.size(); i += 2) {
    bytes += static_cast<char>(HexNumber(digits.substr(i, 2)).value_or(0));
  }
  return DecodeUtf8(bytes);
}

/// What a terminal or a page would obey instead of showing it: control characters, and those that turn the direction of
/// writing or take no space.
bool IsInvisible(char32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0xad || code == 0x61c ||
         (code >= 0x200b && code < 0x2010) || (code >= 0x2028 && code < 0x202f) ||
         (code >= 0x2060 && code < 0x2070) || code == 0xfeff;
}

/// As it stands in a literal between such quotes; empty where it is no character.
std::string Quoted(char32_t code, char quote) {
  std::string text;
  if (code == '\t') return "\\t";
  if (code == '\n') return "\\n";
  if (code == '\r') return "\\r";
  if (code == '\0') return "\\0";
  if (code == '\\' || code == static_cast<char32_t>(quote)) text = "\\";
  if (!IsInvisible(code)) return AppendUtf8(code, text) ? text : "";
  char digits[8];
  const auto end = std::to_chars(digits, digits + sizeof digits, static_cast<uint32_t>(code), 16);
  return "\\u{" + std::string(digits, end.ptr) + "}";
}

}  // namespace

void RustV0Printer::Constant(Place place) {
  const Nesting nesting(*this);
  const char tag = reader_.Take();
  switch (tag) {
    case 'p':
      return Print("_");
    case 'a':
    case 'i':
    case 'l':
    case 'n':
    case 's':
    case 'x':
      if (reader_.Eat('n')) Print("-");
      return Integer();
    case 'h':
    case 'j':
    case 'm':
    case 'o':
    case 't':
    case 'y':
      return Integer();
    case 'b':
      return Boolean();
    case 'c':
      return Character();
    case 'B':
      return Refer([this, place] { Constant(place); });
    default:
      break;
  }
  // The commonest, and no expression to Rust.
  if (tag == 'R' && reader_.Eat('e')) return StringLiteral();
  if (place == Place::kType) Print("{");
  CompoundConstant(tag);
  if (place == Place::kType) Print("}");
}

void RustV0Printer::CompoundConstant(char tag) {
  switch (tag) {
    case 'e':
      Print("*");
      return StringLiteral();
    case 'R':
    case 'Q':
      Print(tag == 'R' ? "&" : "&mut ");
      return Constant(Place::kValue);
    case 'A':
      Print("[");
      List(&RustV0Printer::ValueConstant, ", ");
      return Print("]");
    case 'T':
      Print("(");
      if (List(&RustV0Printer::ValueConstant, ", ") == 1) Print(",");
      return Print(")");
    case 'V':
      return StructConstant();
    default:
      return reader_.Fail();
  }
}

void RustV0Printer::StructConstant() {
  Path(Place::kValue);
  switch (reader_.Take()) {
    case 'U':
      return;
    case 'T':
      Print("(");
      List(&RustV0Printer::ValueConstant, ", ");
      return Print(")");
    case 'S':
      Print(" { ");
      List(&RustV0Printer::Field, ", ");
      return Print(" }");
    default:
      return reader_.Fail();
  }
}

void RustV0Printer::Field() {
  Name(reader_.Identifier());
  Print(": ");
  Constant(Place::kValue);
}

void RustV0Printer::Integer() {
  std::string_view digits = reader_.Hex();
  if (digits.empty()) return reader_.Fail();
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
  if (digits.empty()) return Print("0");
  const auto number = HexNumber(digits);
  Print(number ? std::to_string(*number) : "0x" + std::string(digits));
}

void RustV0Printer::Boolean() {
  const auto number = HexNumber(reader_.Hex());
  if (!number || *number > 1) return reader_.Fail();
  Print(*number == 0 ? "false" : "true");
}

void RustV0Printer::Character() {
  const auto number = HexNumber(reader_.Hex());
  const std::string letter =
      number && *number <= 0x10ffff ? Quoted(static_cast<char32_t>(*number), '\'') : "";
  if (letter.empty()) return reader_.Fail();
  Print("'" + letter + "'");
}

void RustV0Printer::StringLiteral() {
  const auto text = HexText(reader_.Hex());
  if (!text) return reader_.Fail();
  Print("\"");
  for (const char32_t code : *text) Print(Quoted(code, '"'));
  Print("\"");
}

}  // namespace sonde
