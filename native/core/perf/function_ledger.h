#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>

#include "core/v8/reader.h"

namespace sonde {

/// Functions of frames by their numbers, as far as they are known when a window ends.
using FrameFunctions = std::unordered_map<uint32_t, V8Answer>;

/// Numbers the frames of V8's code whose functions are read out of their processes meanwhile. Frames that must be of one
/// function have one number: of builtins those with the same words in them, of others those at one address. Code is freed and
/// moved, so an answer holds for a second longer than it was seen to be so; newer frames are asked about again, under
/// another number until it is known that they are of the same function. Used by the drain thread; asks, and never waits.
class FunctionLedger {
 public:
  struct Process {
    uint32_t pid = 0;
    uint64_t began_at = 0;
    V8ImagePtr image = {};
  };

  /// 0 where there is no room for another one.
  uint32_t NumberOf(const Process& process, const V8Frame& frame);
  void TakeReplies();
  /// Whether an answer is still to come.
  bool Waits() const { return waiting_ > 0; }

  /// All that may stand in chains of a window that ends now.
  const FrameFunctions& functions() const { return functions_; }
  /// A window has ended: what is asked from now on gets a new number, and what only older windows speak of goes.
  void EndWindow();

 private:
  struct Key {
    /// Where the code is, or the bytecode that stands in the frame; it may be a leftover where the closure is not its own.
    uint64_t word = 0;
    uint64_t function = 0;
    uint64_t caller = 0;
    uint64_t began_at = 0;
    uint32_t pid = 0;
    bool generated = false;

    bool operator==(const Key&) const = default;
  };
  struct Hash {
    size_t operator()(const Key& key) const;
  };
  struct Known {
    uint32_t number = 0;
    /// The first frame that was asked about under `number`, and until when its function was seen to be the one; frames' times.
    uint64_t since = 0;
    uint64_t held_at = 0;
    /// Of frames that are newer than that, until the answer to the first of them has come.
    uint32_t doubtful = 0;
    uint64_t doubtful_since = 0;
    bool waits = false;
    uint8_t asked = 0;
  };

  /// False where there is no room for another number.
  bool Begin(const Process& process, const V8Frame& frame, Known& known);
  uint32_t NumberOf(const Process& process, const V8Frame& frame, Known& known);
  uint32_t DoubtfulNumberOf(const Process& process, const V8Frame& frame, Known& known);
  uint32_t NewNumber(uint32_t pid, Known& known);
  void Ask(const Process& process, const V8Frame& frame, uint32_t number, Known& known);
  void Settle(const V8Reader::Reply& reply);
  void SettleDoubt(const V8Answer& answer, Known& known);
  void Store(uint32_t number, V8Answer answer);

  /// Started by the first question.
  std::unique_ptr<V8Reader> reader_;
  std::unordered_map<Key, Known, Hash> known_;
  std::unordered_map<uint32_t, Known*> by_number_;
  /// How many numbers each process has: one may not take those of all.
  std::unordered_map<uint32_t, size_t> of_process_;
  FrameFunctions functions_;
  /// Of `functions_`, with names and paths.
  size_t bytes_ = 0;
  size_t waiting_ = 0;
  uint32_t next_ = 1;
  /// Numbers below it are of windows before the last one.
  uint32_t first_of_last_ = 1;
  uint32_t first_of_this_ = 1;
};

}  // namespace sonde
