#include "core/symbols/rust_legacy.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>
#include <vector>

namespace sonde {
namespace {

constexpr size_t kMaxRustNameBytes = 4096;
constexpr size_t kHashLetters = 17;  // h and 16 digits
constexpr std::array<std::pair<std::string_view, char>, 8> kEscapes = {{{"SP", '@'},
                                                                        {"BP", '*'},
                                                                        {"RF", '&'},
                                                                        {"LT", '<'},
                                                                        {"GT", '>'},
                                                                        {"LP", '('},
                                                                        {"RP", ')'},
                                                                        {"C", ','}}};

/// The length-prefixed parts between `_ZN` and `E`; none where the name is built differently.
std::vector<std::string_view> PartsOf(std::string_view rest) {
  std::vector<std::string_view> parts;
  while (!rest.empty() && rest.front() != 'E') {
    size_t length = 0;
    const auto parsed = std::from_chars(rest.data(), rest.data() + rest.size(), length);
    if (parsed.ec != std::errc()) return {};
    rest.remove_prefix(static_cast<size_t>(parsed.ptr - rest.data()));
    if (length == 0 || length > rest.size()) return {};
    parts.push_back(rest.substr(0, length));
    rest.remove_prefix(length);
  }
  // The compiler may add a suffix such as .llvm.1234, of no meaning to a reader.
  if (rest.empty() || (rest.size() > 1 && rest[1] != '.')) return {};
  return parts;
}

bool IsHash(std::string_view part) {
  return part.size() == kHashLetters && part.front() == 'h' &&
         part.find_first_not_of("0123456789abcdef", 1) == std::string_view::npos;
}

/// What stands between two dollar signs: a name of kEscapes, or u and the code point's digits (ASCII here).
std::optional<char> Unescape(std::string_view escape) {
  for (const auto& [name, letter] : kEscapes) {
    if (escape == name) return letter;
  }
  unsigned code = 0;
  if (escape.size() < 2 || escape.front() != 'u') return std::nullopt;
  const auto parsed = std::from_chars(escape.data() + 1, escape.data() + escape.size(), code, 16);
  const bool whole = parsed.ec == std::errc() && parsed.ptr == escape.data() + escape.size();
  if (!whole || code < ' ' || code > '~') return std::nullopt;
  return static_cast<char>(code);
}

void AppendPart(std::string_view part, std::string& text) {
  // A part may not begin with a dollar sign, so the compiler puts an underscore before it.
  if (part.starts_with("_$")) part.remove_prefix(1);
  while (!part.empty()) {
    if (part.starts_with("..")) {
      text += "::";
      part.remove_prefix(2);
      continue;
    }
    const size_t end = part.front() == '$' ? part.find('$', 1) : std::string_view::npos;
    const auto letter =
        end == std::string_view::npos ? std::nullopt : Unescape(part.substr(1, end - 1));
    text += letter.value_or(part.front());
    part.remove_prefix(letter ? end + 1 : 1);
  }
}

}  // namespace

std::optional<std::string> DemangleRustLegacy(std::string_view mangled) {
  if (!mangled.starts_with("_ZN") || mangled.size() > kMaxRustNameBytes) return std::nullopt;
  const auto parts = PartsOf(mangled.substr(3));
  if (parts.size() < 2 || !IsHash(parts.back())) return std::nullopt;
  std::string text;
  for (size_t i = 0; i + 1 < parts.size(); i++) {
    if (i > 0) text += "::";
    AppendPart(parts[i], text);
  }
  return text;
}

}  // namespace sonde
