#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sonde {

/// What a runtime says of an address in code that it made.
struct CodeName {
  std::string function;
  std::string file = {};  ///< empty where it does not say
  uint32_t line = 0;
  uint32_t offset = 0;  ///< bytes from the start of the function's code

  bool operator==(const CodeName&) const = default;
};

/// Longer names are cut, and end in `…`.
inline constexpr size_t kLongestCodeName = 1024;

/// `name` within the limit, cut between characters.
inline std::string CutCodeName(std::string_view name) {
  if (name.size() <= kLongestCodeName) return std::string(name);
  size_t end = kLongestCodeName;
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xc0) == 0x80) end--;
  return std::string(name.substr(0, end)) + "…";
}

}  // namespace sonde
