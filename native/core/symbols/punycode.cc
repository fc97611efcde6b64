#include "core/symbols/punycode.h"

#include <cstdint>

#include "core/symbols/utf8.h"

namespace sonde {
namespace {

// The parameters of RFC 3492, section 5.
constexpr uint32_t kPunycodeBase = 36;
constexpr uint32_t kPunycodeMinThreshold = 1;
constexpr uint32_t kPunycodeMaxThreshold = 26;
constexpr uint32_t kPunycodeSkew = 38;
constexpr uint32_t kPunycodeDamp = 700;
constexpr uint32_t kPunycodeFirstBias = 72;
constexpr char32_t kPunycodeFirstCode = 0x80;
// No step in an identifier that fits a symbol reaches further; sums of products with it stay within 64 bits.
constexpr uint64_t kPunycodeMaxStep = uint64_t{1} << 40;

std::optional<uint32_t> PunycodeDigit(char letter) {
  if (letter >= 'a' && letter <= 'z') return letter - 'a';
  if (letter >= '0' && letter <= '9') return letter - '0' + 26;
  return std::nullopt;
}

/// How the thresholds of the next number depend on the step before it (RFC 3492, section 6.1).
uint32_t AdaptedBias(uint64_t step, size_t letters, bool first) {
  step /= first ? kPunycodeDamp : 2;
  step += step / letters;
  uint32_t bias = 0;
  while (step > (kPunycodeBase - kPunycodeMinThreshold) * kPunycodeMaxThreshold / 2) {
    step /= kPunycodeBase - kPunycodeMinThreshold;
    bias += kPunycodeBase;
  }
  return bias + static_cast<uint32_t>((kPunycodeBase - kPunycodeMinThreshold + 1) * step /
                                      (step + kPunycodeSkew));
}

/// Takes a number of variable length, least digit first: a digit below its threshold ends it.
std::optional<uint64_t> TakePunycodeNumber(std::string_view& digits, uint32_t bias) {
  uint64_t number = 0;
  uint64_t weight = 1;
  for (uint32_t position = kPunycodeBase; !digits.empty(); position += kPunycodeBase) {
    const auto digit = PunycodeDigit(digits.front());
    if (!digit) return std::nullopt;
    digits.remove_prefix(1);
    number += *digit * weight;
    const uint32_t threshold = position <= bias + kPunycodeMinThreshold   ? kPunycodeMinThreshold
                               : position >= bias + kPunycodeMaxThreshold ? kPunycodeMaxThreshold
                                                                          : position - bias;
    if (*digit < threshold) return number;
    weight *= kPunycodeBase - threshold;
    if (weight > kPunycodeMaxStep || number > kPunycodeMaxStep) return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> DecodePunycode(std::string_view encoded) {
  const size_t delimiter = encoded.rfind('_');
  const bool plain = delimiter != std::string_view::npos;
  std::u32string codes;
  if (plain) codes.assign(encoded.begin(), encoded.begin() + static_cast<ptrdiff_t>(delimiter));
  std::string_view digits = plain ? encoded.substr(delimiter + 1) : encoded;
  if (digits.empty()) return std::nullopt;
  char32_t code = kPunycodeFirstCode;
  uint32_t bias = kPunycodeFirstBias;
  uint64_t place = 0;
  for (bool first = true; !digits.empty(); first = false) {
    // Each number says how many places to go on, counting the letters so far once more for each code point passed.
    const auto step = TakePunycodeNumber(digits, bias);
    if (!step) return std::nullopt;
    const size_t letters = codes.size() + 1;
    bias = AdaptedBias(*step, letters, first);
    place += *step;
    if (place / letters > 0x10ffff) return std::nullopt;
    code += static_cast<char32_t>(place / letters);
    place %= letters;
    codes.insert(place++, 1, code);
    // Checked when it is spelled; here only that adding to it never wraps.
    if (code > 0x10ffff) return std::nullopt;
  }
  std::string text;
  for (const char32_t letter : codes) {
    if (!AppendUtf8(letter, text)) return std::nullopt;
  }
  return text;
}

}  // namespace sonde
