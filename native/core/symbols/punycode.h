#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sonde {

/// `gdel_5qa` → `gödel`: Punycode (RFC 3492) as Rust writes it, with an underscore where the standard has a hyphen and
/// without capitals. Nothing where it is not that. Takes time quadratic in the length.
std::optional<std::string> DecodePunycode(std::string_view encoded);

}  // namespace sonde
