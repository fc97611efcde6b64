#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sonde {

/// A name in a v0 symbol, as it is spelled there. `disambiguator` counts those that are spelled alike.
struct RustV0Identifier {
  uint64_t disambiguator = 0;
  std::string_view letters;
  bool punycode = false;
};

/// Reads the words of a v0 symbol: tags, numbers, identifiers. A symbol that is found to be wrong stays wrong: from then
/// on there is nothing to read, so callers need not ask after every word. All the letters read count, those read again
/// through references too, so whoever reads a letter at least in each step comes to an end soon.
class RustV0Reader {
 public:
  /// `symbol` is what follows `_R`; offsets count from there.
  explicit RustV0Reader(std::string_view symbol) : symbol_(symbol) {}

  bool ok() const { return ok_; }
  void Fail() { ok_ = false; }
  bool at_end() const { return offset_ == symbol_.size(); }
  size_t offset() const { return offset_; }
  void Seek(size_t offset) { offset_ = offset; }

  /// The next letter; NUL, which no symbol contains, where there is none.
  char Peek() const { return ok_ && !at_end() ? symbol_[offset_] : '\0'; }
  /// Takes the next letter, which must be there.
  char Take();
  /// Takes the next letter if it is `tag`.
  bool Eat(char tag);
  /// Whether a list that `E` closes has another element; takes the `E`.
  bool More() { return ok_ && !Eat('E') && ok_; }

  /// `_` is 0, `0_` is 1, `Z_` is 62.
  uint64_t Base62();
  /// The number behind `tag`, plus one; 0 where the tag does not follow.
  uint64_t Counted(char tag);
  /// Hexadecimal digits up to an underscore; there may be none.
  std::string_view Hex();
  RustV0Identifier Identifier();
  /// An identifier of which there is only one.
  RustV0Identifier PlainIdentifier();

 private:
  size_t Length();

  std::string_view symbol_;
  size_t offset_ = 0;
  size_t letters_read_ = 0;
  bool ok_ = true;
};

}  // namespace sonde
