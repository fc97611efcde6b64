// A thread as it stood once, with all that unwinding it needs, in a file: no program, no privilege, no such machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/unwind/cfi.h"
#include "core/unwind/row_source.h"
#include "core/unwind/unwinder.h"

namespace sonde::test {

struct RecordedSnapshot {
  /// A file's mapping, and its .eh_frame or what is left of it.
  struct File {
    std::string name = {};
    uint64_t start = 0;
    uint64_t end = 0;
    /// An address of the file is one of the process less this.
    uint64_t bias = 0;
    SectionBytes frames = {};
  };
  /// Code that no row covers.
  struct Bare {
    bool keeps_frame_pointers = false;
    bool entry = false;
    int32_t cfa_offset = 0;
  };

  const Architecture* architecture = &kX86_64;
  RegisterSet registers = {};
  uint64_t instruction = 0;
  std::vector<std::byte> stack = {};
  std::vector<File> files = {};
  /// By address.
  std::map<uint64_t, Bare> bare = {};
  /// What a signal's handler returns to, where no row says so.
  uint64_t signal_return = 0;
  /// What gdb saw.
  std::vector<uint64_t> frames = {};

  static RecordedSnapshot Read(std::istream& from);
  void Write(std::ostream& to) const;
};

/// How the recorded thread is unwound now.
struct Replay {
  UnwindOutcome outcome = {};
  std::vector<uint64_t> frames = {};
  /// Where code was looked up.
  std::vector<uint64_t> looked_up = {};
};
Replay Replayed(const RecordedSnapshot& snapshot);

/// Without what its replay does not need: a fixture is small.
RecordedSnapshot Trimmed(const RecordedSnapshot& snapshot);

}  // namespace sonde::test
