#pragma once

#include <string>
#include <string_view>

namespace sonde {

/// Whether a character in a name may be shown. Not what a terminal obeys (the control characters C0, DEL and C1), what ends a
/// line (U+2028, U+2029), nor what turns the order of the text around it (the bidirectional embeddings, overrides and
/// isolates, which compilers warn of). Marks of direction and joiners may: they belong to scripts that are read by people.
bool IsPrintable(char32_t character);

/// The text as UTF-8 in which `?` stands for each character that may not be shown, and U+FFFD for each byte that is part of
/// none: names come from hostile files and end on terminals.
std::string PrintableText(std::string_view text);

}  // namespace sonde
