#pragma once

#include <cstdint>
#include <list>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/lines/line_answers.h"

namespace sonde {

/// An address as it was asked for, in the space of its request, and as the file states it.
struct AskedAddress {
  uint64_t address = 0;
  uint64_t svma = 0;
};

/// What is known of one image's addresses.
class ImageLines {
 public:
  /// What is known of one address: `answer` with numbers of this object's texts.
  struct Known {
    uint64_t svma;
    LineAnswer answer;
  };

  /// nullptr where the address has not been asked for.
  const Known* Find(uint64_t address) const;
  /// By the number in a LineEntry.
  const std::string& TextOf(uint32_t number) const { return texts_[number]; }

  /// Adds the answers that came for `asked`.
  void Add(std::span<const AskedAddress> asked, const LineAnswers& answers);

  /// Whether the file has DWARF.
  bool has_dwarf = true;

  /// Roughly.
  size_t bytes() const { return bytes_; }

 private:
  uint32_t NumberOf(const std::string& text);

  std::vector<std::string> texts_{""};
  std::unordered_map<std::string, uint32_t> numbers_{{"", 0}};
  std::unordered_map<uint64_t, Known> known_;
  size_t bytes_ = 0;
};

/// Answers by image and address, bounded by bytes; the image unused for longest goes first. For one thread.
class LineCache {
 public:
  explicit LineCache(size_t max_bytes) : max_bytes_(max_bytes) {}

  /// What is known of an image; from here on it counts as used. Valid until the next call.
  ImageLines& Of(const std::string& key);
  /// Lets go what is too much.
  void Trim();

  size_t bytes() const;

 private:
  struct Item {
    std::string key;
    ImageLines lines;
  };

  const size_t max_bytes_;
  std::list<Item> items_;  ///< the one used last comes first
  std::unordered_map<std::string, std::list<Item>::iterator> by_key_;
};

}  // namespace sonde
