#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "core/perf/window_layout.h"

namespace sonde {

/// A frame with its address as it was sampled; the window's writer moves native ones to what the file states.
struct Frame {
  FrameKind kind = FrameKind::kKernel;
  bool return_address = false;
  /// native: row of the mapping; otherwise 0
  uint32_t mapping = 0;
  /// native, kernel: address in the process; reason: number of its text
  uint64_t address = 0;
  /// native: 1 + row of the function that is known of it; 0 where none is
  uint32_t function = 0;

  bool operator==(const Frame&) const = default;
};

/// A function as a row of the window: numbers of texts, and a line.
struct FunctionRow {
  uint32_t language = 0;
  uint32_t function = 0;
  uint32_t file = 0;
  uint32_t line = 0;
  /// 1 + row of the function whose code it was inlined into; 0 where it was not.
  uint32_t inlined_into = 0;

  bool operator==(const FunctionRow&) const = default;
};

/// The distinct functions that frames say of themselves.
class FunctionTable {
 public:
  /// The number of its row.
  uint32_t Add(const FunctionRow& row);
  const std::vector<FunctionRow>& rows() const { return rows_; }

 private:
  struct Hash {
    size_t operator()(const FunctionRow& row) const;
  };
  std::unordered_map<FunctionRow, uint32_t, Hash> numbers_;
  std::vector<FunctionRow> rows_;
};

/// The distinct frames of a window.
class FrameTable {
 public:
  uint32_t Add(const Frame& frame);
  const std::vector<Frame>& frames() const { return frames_; }

 private:
  struct Hash {
    size_t operator()(const Frame& frame) const;
  };
  std::unordered_map<Frame, uint32_t, Hash> numbers_;
  std::vector<Frame> frames_;
};

/// The distinct stacks of a window, leaf first, as numbers of frames.
class StackTable {
 public:
  StackTable() : slots_(1024), offsets_{0} {}

  /// Makes room for so many stacks, and frames in them.
  void Reserve(size_t stacks, size_t frames);
  uint32_t Add(std::span<const uint32_t> frames, StackState state);

  const std::vector<uint32_t>& offsets() const { return offsets_; }
  const std::vector<uint32_t>& frames() const { return frames_; }
  const std::vector<uint8_t>& states() const { return states_; }

 private:
  std::span<const uint32_t> StackAt(uint32_t stack) const {
    return {frames_.data() + offsets_[stack], offsets_[stack + 1] - offsets_[stack]};
  }
  void Grow();

  std::vector<uint32_t> slots_;  ///< 1 + number of the stack; open addressing
  std::vector<uint64_t> hashes_;
  std::vector<uint32_t> offsets_;
  std::vector<uint32_t> frames_;
  std::vector<uint8_t> states_;
};

/// Remembers the frame of an address, so that a known one costs one look into a table.
class FrameCache {
 public:
  FrameCache() : entries_(4096) {}

  /// `space`: whose address it is. Calls `make()` for a pair it has not seen.
  template <typename Make>
  uint32_t Get(uint32_t space, uint64_t address, Make&& make) {
    Entry* entry = Probe(entries_, space, address);
    if (entry->frame != 0) return entry->frame - 1;
    const uint32_t frame = make();
    *entry = {address, space, frame + 1};
    if (++used_ * 2 > entries_.size()) Grow();
    return frame;
  }

 private:
  struct Entry {
    uint64_t address = 0;
    uint32_t space = 0;
    uint32_t frame = 0;  ///< 1 + number, 0 where empty
  };

  static Entry* Probe(std::vector<Entry>& entries, uint32_t space, uint64_t address) {
    // The product's high bits are the mixed ones.
    const uint64_t product = (address ^ uint64_t{space} << 40) * 0x9e3779b97f4a7c15;
    size_t place = (product >> 32) & (entries.size() - 1);
    while (entries[place].frame != 0 &&
           (entries[place].address != address || entries[place].space != space)) {
      place = (place + 1) & (entries.size() - 1);
    }
    return &entries[place];
  }
  void Grow();

  std::vector<Entry> entries_;
  size_t used_ = 0;
};

}  // namespace sonde
