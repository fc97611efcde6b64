#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/unwind/architecture.h"
#include "core/unwind/expression.h"
#include "core/unwind/row.h"

namespace sonde {

/// The user's registers and the memory at the stack pointer, as they were at one moment.
struct StackSnapshot {
  RegisterSet registers = {};
  /// The instruction that was next.
  uint64_t instruction = 0;
  /// From the stack pointer upwards.
  std::span<const std::byte> bytes = {};
  /// There was more of the stack than was captured.
  bool cut = false;
  /// Return addresses that the kernel found by following frame pointers, the instruction itself first. They go on where
  /// `bytes` ends. May be empty.
  std::span<const uint64_t> chain = {};
  /// The kernel stopped there because its own limit was met.
  bool chain_cut = false;
};

/// What is known of the code at an address of a process.
struct Code {
  enum class State : uint8_t {
    kKnown,
    /// Nothing executable is mapped there.
    kUnmapped,
    /// It has been asked for, and may be known soon.
    kPending,
    /// Its file, or its rows, could not be read.
    kUnreadable,
    /// It could not be read in time, or nobody knows what is mapped there.
    kLate,
    /// Its rows have cost more than they may.
    kCostly,
    /// The file that was recorded is not on this machine.
    kAbsent,
  };
  State state = State::kUnmapped;
  UnwindRow row = {};
  /// For rows of kind kRules; valid until the next question.
  const CfiRow* rules = nullptr;
  /// Where no row covers the instruction: whether this code keeps frame pointers, so that they can be followed.
  bool keeps_frame_pointers = false;
  /// That is likely of the code as a whole, and nothing says it of this function.
  bool likely = false;
  /// Made at run time, in memory of no file.
  bool generated = false;
  /// Of the file, for the reason that a stack ends with.
  uint32_t name = 0;
};

/// The code of one process at one time.
class CodeMap {
 public:
  virtual ~CodeMap() = default;
  virtual Code At(uint64_t address) = 0;
  /// What the row at `address` says of every register: rows as `At` has them are of the frame and the stack pointer only.
  /// Nothing where no row covers it, or where it may not be asked.
  virtual std::optional<CfiRow> RulesAt(uint64_t /*address*/) { return std::nullopt; }
};

/// How a way through a stack ended.
enum class UnwindEnd : uint8_t {
  /// At the outermost frame, verified.
  kComplete,
  /// Something has to be read first: try again.
  kPending,
  /// At the outermost frame, on a way that nothing vouches for: frames may be missing.
  kUnverified,
  // Everything else is a stack that lacks frames.
  kStackBytes,
  kOtherStack,
  kDepth,
  kKernelDepth,
  kNoRows,
  kUnreadableRows,
  kLateRows,
  kCostlyRows,
  kNoFile,
  kFramePointer,
  kReturnAddress,
  kRegisters,
  kNotCaptured,
};

struct UnwindOutcome {
  UnwindEnd end = UnwindEnd::kComplete;
  /// Code::name of the last frame's file.
  uint32_t name = 0;
  /// A frame was left, or could have been, by the kernel's chain: of Go, whose frames lead from one stack to another, or
  /// where the captured bytes ended.
  bool chain_helps = false;
};

/// Set in a frame's address that is no return address though it is not the first: what a signal interrupted, and what its
/// handler returns to. No user address has it.
inline constexpr uint64_t kExactAddress = uint64_t{1} << 62;

/// Set in a word that stands behind a frame's address in a chain, and says something of that frame: the number of its
/// function. No user address has it.
inline constexpr uint64_t kFrameFunction = uint64_t{1} << 61;

/// What V8 keeps below the frame pointer of a frame, where the frame has been captured (0 where it has not), if the frame
/// is one of V8's: no row says where else it keeps them.
struct FrameWords {
  /// Which frame, by its place.
  size_t frame = 0;
  /// Of code made at run time.
  bool generated = false;
  /// At −16, −32, −40 and −48 from the frame pointer.
  uint64_t function = 0;
  uint64_t bytecode_array = 0;
  uint64_t feedback[2] = {};
  /// Of the innermost frame, if it is one of a file's: the word at the stack pointer, where it is an address in code made
  /// at run time. That code has called this, if this has no frame of its own.
  uint64_t return_address = 0;
};

/// Goes from frame to frame. Of one thread at a time.
class Unwinder {
 public:
  static constexpr size_t kMaxFrames = 1024;

  explicit Unwinder(const Architecture& architecture) : architecture_(architecture) {}

  /// Appends the addresses of the frames to `frames`, innermost first, and to `words`, where it is given, what stands in
  /// those that may be V8's. Work is bounded by kMaxFrames, twice where a frame is found by a register that rows are not
  /// kept of.
  UnwindOutcome Unwind(const StackSnapshot& snapshot, CodeMap& code, std::vector<uint64_t>& frames,
                       std::vector<FrameWords>* words = nullptr);

 private:
  class Walk;
  const Architecture& architecture_;
};

}  // namespace sonde
