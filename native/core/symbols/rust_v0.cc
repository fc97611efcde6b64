#include "core/symbols/rust_v0.h"

#include "core/symbols/rust_v0_printer.h"

namespace sonde {
namespace {

// The longest of 132,000 in the compiler and its tools has 1,222 letters.
constexpr size_t kMaxRustV0Bytes = 4096;
constexpr std::string_view kRustV0Letters =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";

}  // namespace

std::optional<std::string> DemangleRustV0(std::string_view mangled) {
  if (!mangled.starts_with("_R") || mangled.size() > kMaxRustV0Bytes) return std::nullopt;
  mangled.remove_prefix(2);
  const size_t end = mangled.find_first_not_of(kRustV0Letters);
  // What follows a dot or a dollar sign tells copies of one function apart.
  if (end != std::string_view::npos && mangled[end] != '.' && mangled[end] != '$') {
    return std::nullopt;
  }
  return RustV0Printer(mangled.substr(0, end)).Symbol();
}

}  // namespace sonde
