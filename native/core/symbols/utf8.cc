#include "core/symbols/utf8.h"

namespace sonde {
namespace {

char Continuation(char32_t bits) { return static_cast<char>(0x80 | (bits & 0x3f)); }

/// How many bytes begin with this one; none where it begins nothing.
size_t Utf8Length(unsigned char first) {
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first < 0xe0) return 2;
  if (first >= 0xe0 && first < 0xf0) return 3;
  return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

}  // namespace

bool AppendUtf8(char32_t code, std::string& text) {
  if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return false;
  if (code < 0x80) {
    text += static_cast<char>(code);
  } else if (code < 0x800) {
    text += static_cast<char>(0xc0 | (code >> 6));
    text += Continuation(code);
  } else if (code < 0x10000) {
    text += static_cast<char>(0xe0 | (code >> 12));
    text += Continuation(code >> 6);
    text += Continuation(code);
  } else {
    text += static_cast<char>(0xf0 | (code >> 18));
    text += Continuation(code >> 12);
    text += Continuation(code >> 6);
    text += Continuation(code);
  }
  return true;
}

std::optional<char32_t> TakeUtf8(std::string_view& bytes) {
  if (bytes.empty()) return std::nullopt;
  const auto first = static_cast<unsigned char>(bytes.front());
  const size_t length = Utf8Length(first);
  if (length == 0 || length > bytes.size()) return std::nullopt;
  char32_t code = length == 1 ? first : first & (0x7fU >> length);
  for (size_t i = 1; i < length; i++) {
    code = code << 6 | (static_cast<unsigned char>(bytes[i]) & 0x3fU);
  }
  // There is one spelling of a code point: bytes of any other, or broken ones, differ from it.
  std::string spelled;
  if (!AppendUtf8(code, spelled) || spelled != bytes.substr(0, length)) return std::nullopt;
  bytes.remove_prefix(length);
  return code;
}

std::optional<std::u32string> DecodeUtf8(std::string_view bytes) {
  std::u32string codes;
  while (!bytes.empty()) {
    const auto code = TakeUtf8(bytes);
    if (!code) return std::nullopt;
    codes += *code;
  }
  return codes;
}

}  // namespace sonde
