#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "core/base/clock.h"
#include "core/v8/code.h"
#include "core/v8/function.h"
#include "core/v8/heap.h"
#include "core/v8/inlining.h"
#include "core/v8/lines.h"

namespace sonde {

/// What a captured stack says of a frame of V8's code. Words that were not captured are 0.
struct V8Frame {
  /// Code made at run time; otherwise one of V8's builtins, such as the interpreter.
  bool generated = false;
  /// Nothing was called from it. A builtin that has no frame of its own may be in its caller's.
  bool innermost = false;
  /// In the code: of a caller the call, not the instruction behind it.
  uint64_t address = 0;
  /// When it was captured, CLOCK_MONOTONIC.
  uint64_t time = 0;
  /// The JSFunction.
  uint64_t function = 0;
  uint64_t bytecode_array = 0;
  /// Where the tiers keep the feedback vector, which knows its function too.
  uint64_t feedback[2] = {};
  /// The code made at run time that may have called a builtin without a frame of its own: the function is that code's then.
  uint64_t return_address = 0;
};

using V8FunctionPtr = std::shared_ptr<const V8Function>;

/// The function of a frame, or why it has no name.
struct V8Answer {
  enum class State : uint8_t {
    kNamed,
    /// What the stack points to is no longer there: garbage was collected meanwhile. A later sample may say it.
    kMoved,
    /// No code of V8's that can be named lies there.
    kNoCode,
    /// The process's memory may not be read, or it is gone.
    kUnreadable,
    /// Reading took too long, or more time than this process may take.
    kLate,
    /// This version of V8 is not known.
    kUnknownVersion,
  };
  State state = State::kLate;
  /// Innermost first: optimised code stands for the functions that were inlined in it, too. One without a name stands for
  /// the builtin itself, which they called.
  std::vector<V8FunctionPtr> functions = {};
  /// Of a named one: when it was last seen to be so, CLOCK_MONOTONIC.
  uint64_t held_at = 0;
};

/// Names the frames of one process, by what the stack said of them and by what its memory says now. Nothing is named on
/// the word of one of them alone: the function must be the one whose bytecode stood in the frame, or whose code the
/// address lies in.
class V8FrameNamer {
 public:
  using Clock = std::function<uint64_t()>;

  /// `layout` must live as long. `clock`: CLOCK_MONOTONIC.
  V8FrameNamer(TargetMemory& memory, const V8Layout& layout, Clock clock = MonotonicNow)
      : heap_(memory, layout), clock_(std::move(clock)) {}

  V8Answer Name(const V8Frame& frame);

  /// What is kept of the process is forgotten, all at once, when it is more than this.
  static constexpr size_t kMaxKeptBytes = 4 << 20;
  /// An upper bound of it. One question adds 3 MiB at most.
  size_t kept_bytes() const { return kept_ + lines_.bytes(); }

 private:
  /// Whether a bytecode is known to have been the frame's when it was captured: it stood in it, or its code had it before.
  enum class Bytecode : uint8_t { kWasTheFrames, kMayBeAnothers };

  /// Code that was seen, and the function it was made of.
  struct KnownCode {
    V8Code code;
    V8InlinedCode inlined;
    V8Object shared = 0;
    /// When it had been seen first, and when it was last seen to be there: it was so between the two.
    uint64_t seen_at = 0;
    uint64_t checked_at = 0;
    /// By the number of the inlined call: as long as it is this code, they are the same.
    std::unordered_map<uint32_t, V8Answer> answers = {};
  };
  struct KnownBytecode {
    V8Object shared = 0;
    /// As of code.
    uint64_t seen_at = 0;
    uint64_t checked_at = 0;
    V8Answer answer = {};
  };
  struct KnownFunction {
    V8Shared shared;
    V8FunctionPtr function;
  };

  V8Answer NameGenerated(const V8Frame& frame);
  V8Answer NameBuiltin(const V8Frame& frame);
  V8Answer NameBaseline(const V8Frame& frame, const KnownCode& known);
  V8Answer NameOptimized(const V8Frame& frame, KnownCode& known);
  V8Answer NameByBytecode(const V8Frame& frame, V8Object bytecode, Bytecode certainty);
  V8Answer NameByCaller(const V8Frame& frame);
  void Forget();
  V8Answer Keep(V8Object bytecode, V8Object shared, V8Answer answer);
  V8Answer Named(std::span<const V8Object> shared);
  V8FunctionPtr FunctionOf(V8Object shared);
  KnownCode* CodeAt(const V8Frame& frame);
  V8Object SharedOfFunction(V8Object function);
  bool IsOfBuiltin(V8Object shared);
  V8Object SharedOfFeedback(V8Object vector);
  V8Object SharedOfOptimized(const V8Code& code);
  V8Object BytecodeOf(V8Object shared);
  V8Object BytecodeIn(V8Object data);

  V8Heap heap_;
  Clock clock_;
  /// When the question began: what is read for it, is read after that.
  uint64_t now_ = 0;
  uint64_t maps_forgotten_at_ = 0;
  V8Lines lines_;
  /// By their first instruction.
  std::map<uint64_t, KnownCode> codes_;
  std::unordered_map<V8Object, KnownBytecode> bytecodes_;
  std::unordered_map<V8Object, KnownFunction> functions_;
  /// Bytes that were added to the tables since they were empty. Functions live on in answers that are kept, so nothing is
  /// taken off for what is replaced.
  size_t kept_ = 0;
};

}  // namespace sonde
