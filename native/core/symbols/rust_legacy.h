#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sonde {

/// `_ZN4core3fmt5write17h0123456789abcdefE` → `core::fmt::write`: Rust's legacy scheme, told from C++ by the hash that
/// ends it. Nothing where it is not such a name.
std::optional<std::string> DemangleRustLegacy(std::string_view mangled);

}  // namespace sonde
