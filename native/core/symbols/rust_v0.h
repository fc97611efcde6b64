#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sonde {

/// `_RNvNtCs1234_7mycrate3foo3bar` → `mycrate::foo::bar`: Rust's v0 scheme (RFC 2603 and what was added since), told by
/// its `_R`. Reads as rustfilt's short form does: no hashes of crates, no types of constants; and without the suffixes
/// of LLVM and linkers (`.llvm.123`). Nothing where it is not such a name or would take long to read out.
std::optional<std::string> DemangleRustV0(std::string_view mangled);

}  // namespace sonde
