#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sonde {

/// Appends a code point; false, and nothing appended, where it is none (a surrogate, or beyond U+10FFFF).
bool AppendUtf8(char32_t code, std::string& text);

/// Takes the first code point away; nothing, and nothing taken, where the bytes do not begin with one in UTF-8.
std::optional<char32_t> TakeUtf8(std::string_view& bytes);

/// The code points; nothing where the bytes are not UTF-8.
std::optional<std::u32string> DecodeUtf8(std::string_view bytes);

}  // namespace sonde
