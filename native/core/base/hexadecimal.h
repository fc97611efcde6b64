#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace sonde {

/// Two lower-case digits per byte, as build ids are written.
inline std::string Hexadecimal(std::span<const uint8_t> bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const uint8_t byte : bytes) {
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 15]);
  }
  return text;
}

}  // namespace sonde
