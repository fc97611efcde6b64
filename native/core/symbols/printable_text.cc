#include "core/symbols/printable_text.h"

#include "core/symbols/utf8.h"

namespace sonde {
namespace {

bool IsWithin(char32_t character, char32_t first, char32_t last) {
  return character >= first && character <= last;
}

}  // namespace

bool IsPrintable(char32_t character) {
  const bool control = character < U' ' || IsWithin(character, 0x7f, 0x9f);
  const bool line_end = IsWithin(character, 0x2028, 0x2029);
  const bool turns_order =
      IsWithin(character, 0x202a, 0x202e) || IsWithin(character, 0x2066, 0x2069);
  return !control && !line_end && !turns_order;
}

std::string PrintableText(std::string_view text) {
  constexpr char32_t kReplacement = 0xfffd;
  std::string printable;
  printable.reserve(text.size());
  while (!text.empty()) {
    const auto character = TakeUtf8(text);
    if (!character) text.remove_prefix(1);
    const char32_t shown = character.value_or(kReplacement);
    AppendUtf8(IsPrintable(shown) ? shown : U'?', printable);
  }
  return printable;
}

}  // namespace sonde
