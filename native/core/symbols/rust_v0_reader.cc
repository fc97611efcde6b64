#include "core/symbols/rust_v0_reader.h"

#include <limits>

namespace sonde {
namespace {

// The heaviest name of the compiler and its tools reads 9,415 letters; this many take a millisecond.
constexpr size_t kMaxLettersRead = size_t{1} << 18;

uint64_t Base62Digit(char letter) {
  if (letter >= '0' && letter <= '9') return static_cast<uint64_t>(letter - '0');
  if (letter >= 'a' && letter <= 'z') return static_cast<uint64_t>(letter - 'a' + 10);
  return static_cast<uint64_t>(letter - 'A' + 36);
}

bool IsHexDigit(char letter) {
  return (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'f');
}

}  // namespace

char RustV0Reader::Take() {
  const char letter = Peek();
  if (letter == '\0' || ++letters_read_ > kMaxLettersRead) {
    Fail();
    return '\0';
  }
  offset_++;
  return letter;
}

bool RustV0Reader::Eat(char tag) { return Peek() == tag && Take() == tag; }

uint64_t RustV0Reader::Base62() {
  if (Eat('_')) return 0;
  uint64_t number = 0;
  do {
    const char letter = Take();
    if (letter == '\0') return 0;
    if (number > (std::numeric_limits<uint64_t>::max() - 62) / 62) {
      Fail();
      return 0;
    }
    number = number * 62 + Base62Digit(letter);
  } while (!Eat('_'));
  return number + 1;
}

uint64_t RustV0Reader::Counted(char tag) {
  // Base62 stays below the largest number, so that adding one does not wrap.
  return Eat(tag) ? Base62() + 1 : 0;
}

std::string_view RustV0Reader::Hex() {
  const size_t start = offset_;
  while (IsHexDigit(Peek())) Take();
  const std::string_view digits = symbol_.substr(start, offset_ - start);
  if (Take() != '_') Fail();
  return digits;
}

RustV0Identifier RustV0Reader::Identifier() {
  const uint64_t disambiguator = Counted('s');
  RustV0Identifier identifier = PlainIdentifier();
  identifier.disambiguator = disambiguator;
  return identifier;
}

RustV0Identifier RustV0Reader::PlainIdentifier() {
  const bool punycode = Eat('u');
  const size_t length = Length();
  // Keeps the length apart from letters that look like more of it.
  Eat('_');
  if (!ok_ || length > symbol_.size() - offset_ || (punycode && length == 0)) {
    Fail();
    return {};
  }
  const std::string_view letters = symbol_.substr(offset_, length);
  offset_ += length;
  return {0, letters, punycode};
}

/// A decimal number without leading zeros: behind a `0` something else begins.
size_t RustV0Reader::Length() {
  if (Eat('0')) return 0;
  size_t length = 0;
  do {
    const char digit = Take();
    if (digit < '0' || digit > '9') {
      Fail();
      return 0;
    }
    length = length * 10 + static_cast<size_t>(digit - '0');
    if (length > symbol_.size()) Fail();
  } while (Peek() >= '0' && Peek() <= '9');
  return length;
}

}  // namespace sonde
