#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/v8/frame_namer.h"
#include "core/v8/layout.h"
#include "core/v8/reading_budget.h"

namespace sonde {

/// Reads functions out of processes' memory on threads of its own: a read may block for ever. One thread asks, and takes
/// the answers later. What a process's questions may cost, and what is kept of it, is bounded.
class V8Reader {
 public:
  struct Question {
    /// The asker's number.
    uint32_t id = 0;
    uint32_t pid = 0;
    /// Tells the programs apart that a process was one after another.
    uint64_t began_at = 0;
    /// With a layout.
    V8ImagePtr image = {};
    V8Frame frame = {};
  };
  struct Reply {
    uint32_t id = 0;
    V8Answer answer = {};
  };

  explicit V8Reader(ReadingBudget::Limits limits = {});
  ~V8Reader();
  V8Reader(const V8Reader&) = delete;
  V8Reader& operator=(const V8Reader&) = delete;

  /// False where too many wait.
  bool Ask(Question question);
  std::vector<Reply> Take();

 private:
  class Heap;
  struct Shared;
  /// Lives as long as the last thread that works for it.
  std::shared_ptr<Shared> shared_;
};

}  // namespace sonde
