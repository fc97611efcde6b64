#pragma once

#include <string>
#include <string_view>

namespace sonde {

/// The name as a person reads it: C++ (Itanium), and Rust's legacy and v0 schemes. Anything else comes back as it is,
/// without the symbol version (`@@GLIBC_2.14`). Names come from hostile files: what would take long to read, or grow
/// large (a hundred letters can spell gigabytes), stays as it is.
std::string Demangle(std::string_view name);

}  // namespace sonde
