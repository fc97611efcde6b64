#include "core/v8/frame_namer.h"

namespace sonde {
namespace {

/// What a table's node, its bucket and the allocator take beside the value.
constexpr size_t kNodeBytes = 64;

/// How long a map is taken for what it was, in nanoseconds: they are freed by whole garbage collections.
constexpr uint64_t kMapsHold = 20'000'000;

constexpr uint64_t kSharedData = 8;
constexpr uint64_t kFeedbackShared = 24;
constexpr uint64_t kInterpreterDataBytecode = 8;
constexpr uint64_t kWrapperShared = 8;
constexpr uint64_t kFirstInArray = 16;
constexpr uint16_t kRegExpKind = 3;

size_t BytesOf(const V8Function& function) {
  return sizeof(function) + kNodeBytes + function.name.capacity() + function.file.capacity();
}

size_t BytesIn(const V8Answer& answer) {
  return answer.functions.capacity() * sizeof(V8FunctionPtr) + kNodeBytes;
}

}  // namespace

V8Answer V8FrameNamer::Name(const V8Frame& frame) {
  now_ = clock_();
  if (kept_bytes() > kMaxKeptBytes) Forget();
  heap_.memory().Refill();
  if (now_ - maps_forgotten_at_ > kMapsHold) {
    heap_.ForgetMaps();
    maps_forgotten_at_ = now_;
  }
  return frame.generated ? NameGenerated(frame) : NameBuiltin(frame);
}

/// The interpreter's frame has its function's bytecode. Other builtins keep what they like in that place, and before they do
/// it has what an earlier call has left there: their closure, which lives for ever, is one of a function without bytecode.
V8Answer V8FrameNamer::NameBuiltin(const V8Frame& frame) {
  if (frame.return_address != 0) {
    V8Answer answer = NameByCaller(frame);
    if (answer.state == V8Answer::State::kNamed) return answer;
  }
  if (IsOfBuiltin(SharedOfFunction(frame.function))) return {.state = V8Answer::State::kNoCode};
  return NameByBytecode(frame, frame.bytecode_array, Bytecode::kWasTheFrames);
}

void V8FrameNamer::Forget() {
  codes_ = {};
  bytecodes_ = {};
  functions_ = {};
  lines_ = {};
  kept_ = 0;
}

/// A builtin without a frame of its own: the frame is its caller's. That what stands on the stack is a return address of
/// that caller, and no leftover of another call, is known where the caller's frame holds a closure of the same function.
V8Answer V8FrameNamer::NameByCaller(const V8Frame& frame) {
  V8Frame caller = frame;
  caller.generated = true;
  caller.address = frame.return_address - 1;
  V8Answer answer = NameGenerated(caller);
  const V8FunctionPtr own = FunctionOf(SharedOfFunction(frame.function));
  if (answer.state != V8Answer::State::kNamed || own == nullptr ||
      *own != *answer.functions.back()) {
    return {.state = V8Answer::State::kMoved};
  }
  static const auto kBuiltin = std::make_shared<const V8Function>();
  answer.functions.insert(answer.functions.begin(), kBuiltin);
  return answer;
}

V8Answer V8FrameNamer::NameGenerated(const V8Frame& frame) {
  KnownCode* known = CodeAt(frame);
  if (known == nullptr) return {.state = V8Answer::State::kNoCode};
  const uint16_t baseline = heap_.layout().baseline_kind;
  if (known->code.kind == baseline) return NameBaseline(frame, *known);
  if (known->code.kind == kRegExpKind) {
    // It has no closure that could speak for it.
    if (known->seen_at >= frame.time) return {.state = V8Answer::State::kMoved};
    static const auto kRegExp =
        std::make_shared<const V8Function>(V8Function{"(regular expression)", "", 0});
    return {.state = V8Answer::State::kNamed, .functions = {kRegExp}, .held_at = known->checked_at};
  }
  const bool optimized = known->code.kind > baseline && known->code.kind <= baseline + 2;
  return optimized ? NameOptimized(frame, *known) : V8Answer{.state = V8Answer::State::kNoCode};
}

/// Baseline code has the bytecode that it was made of, and so has its frame. Code that was seen only after the sample may
/// have come to the place of another function's: then what is known of its bytecode says nothing of the frame.
V8Answer V8FrameNamer::NameBaseline(const V8Frame& frame, const KnownCode& known) {
  const V8Object bytecode = BytecodeIn(known.code.data);
  const bool agrees = known.seen_at < frame.time || bytecode == frame.bytecode_array;
  return NameByBytecode(frame, bytecode,
                        agrees ? Bytecode::kWasTheFrames : Bytecode::kMayBeAnothers);
}

/// Optimised code says which function it was made of. It may have been freed and other code have taken its place since
/// the sample: either the closure on the stack is one of that function, or the code was there before the sample, too.
V8Answer V8FrameNamer::NameOptimized(const V8Frame& frame, KnownCode& known) {
  if (known.shared == 0) known.shared = SharedOfOptimized(known.code);
  if (known.shared == 0) return {.state = V8Answer::State::kNoCode};
  if (known.seen_at >= frame.time && SharedOfFunction(frame.function) != known.shared) {
    return {.state = V8Answer::State::kMoved};
  }
  const uint32_t call = known.inlined.CallAt(known.code, frame.address);
  const auto answered = known.answers.find(call);
  if (answered != known.answers.end()) {
    answered->second.held_at = known.checked_at;
    return answered->second;
  }
  std::vector<V8Object> functions;
  if (call != 0) functions = V8InlinedCode::FunctionsOf(heap_, known.code, call);
  functions.push_back(known.shared);
  V8Answer answer = Named(functions);
  // The heap is changing while it is read: what is kept must have been read off this very code.
  if (ReadCode(heap_, known.code.object) != known.code) return {.state = V8Answer::State::kMoved};
  if (answer.state != V8Answer::State::kNamed) return Named({&known.shared, 1});
  kept_ += sizeof(answer) + kNodeBytes + BytesIn(answer);
  known.answers[call] = answer;
  return answer;
}

V8Answer V8FrameNamer::NameByBytecode(const V8Frame& frame, V8Object bytecode, Bytecode certainty) {
  const auto known = bytecodes_.find(bytecode);
  const V8Object own = SharedOfFunction(frame.function);
  // In the frame of a builtin's caller, which may be optimised, the word may be a leftover, too.
  const bool must_be_own = !frame.generated && frame.innermost && own != 0;
  // Objects move, and others take their places: what was so before the sample and after it, was so in it.
  const bool holds = known != bytecodes_.end() && known->second.seen_at < frame.time &&
                     certainty == Bytecode::kWasTheFrames &&
                     (!must_be_own || known->second.shared == own);
  if (holds && known->second.checked_at > frame.time) return known->second.answer;
  const bool is_bytecode = heap_.Is(bytecode, heap_.layout().bytecode_array_type);
  const V8Object candidates[] = {holds ? known->second.shared : 0, own,
                                 SharedOfFeedback(frame.feedback[0]),
                                 SharedOfFeedback(frame.feedback[1])};
  for (const V8Object shared : candidates) {
    if (!is_bytecode || shared == 0 || (must_be_own && shared != own)) continue;
    if (BytecodeOf(shared) != bytecode) continue;
    V8Answer answer = Named({&shared, 1});
    // The heap is changing while it is read.
    if (answer.state != V8Answer::State::kNamed || BytecodeOf(shared) != bytecode) continue;
    return Keep(bytecode, shared, std::move(answer));
  }
  if (holds) bytecodes_.erase(known);
  return {.state = V8Answer::State::kMoved};
}

V8Answer V8FrameNamer::Keep(V8Object bytecode, V8Object shared, V8Answer answer) {
  KnownBytecode& known = bytecodes_[bytecode];
  if (known.shared != shared) {
    known = {.shared = shared, .seen_at = clock_()};
    kept_ += sizeof(known) + kNodeBytes + BytesIn(answer);
  }
  known.checked_at = now_;
  known.answer = std::move(answer);
  return known.answer;
}

V8Answer V8FrameNamer::Named(std::span<const V8Object> shared) {
  V8Answer answer{.state = V8Answer::State::kNamed, .held_at = now_};
  for (const V8Object object : shared) {
    answer.functions.push_back(FunctionOf(object));
    if (answer.functions.back() == nullptr) return {.state = V8Answer::State::kMoved};
  }
  return answer;
}

/// nullptr where it cannot be read.
V8FunctionPtr V8FrameNamer::FunctionOf(V8Object object) {
  const auto shared = ReadShared(heap_, object);
  if (!shared) return nullptr;
  const auto known = functions_.find(object);
  if (known != functions_.end() && known->second.shared == *shared) return known->second.function;
  auto function = Describe(heap_, *shared, lines_);
  if (!function || ReadShared(heap_, object) != shared) return nullptr;
  const auto made = std::make_shared<const V8Function>(std::move(*function));
  kept_ += sizeof(KnownFunction) + kNodeBytes + BytesOf(*made);
  functions_[object] = {.shared = *shared, .function = made};
  return made;
}

V8FrameNamer::KnownCode* V8FrameNamer::CodeAt(const V8Frame& frame) {
  const uint64_t address = frame.address;
  const auto next = codes_.upper_bound(address);
  if (next != codes_.begin()) {
    const auto known = std::prev(next);
    if (known->second.code.Covers(address)) {
      if (known->second.checked_at > frame.time) return &known->second;
      if (ReadCode(heap_, known->second.code.object) == known->second.code) {
        known->second.checked_at = now_;
        return &known->second;
      }
      codes_.erase(known);
    }
  }
  const auto found = FindCode(heap_, address);
  if (!found) return nullptr;
  V8InlinedCode inlined = V8InlinedCode::Read(heap_, *found);
  kept_ += sizeof(KnownCode) + kNodeBytes + inlined.bytes();
  KnownCode& known = codes_[found->start];
  known = {.code = *found, .inlined = std::move(inlined), .seen_at = clock_(), .checked_at = now_};
  return &known;
}

/// 0 where it is no function; of one that the garbage collector has just moved, that of its copy.
V8Object V8FrameNamer::SharedOfFunction(V8Object function) {
  if (!V8Heap::IsPointer(function)) return 0;
  const auto map = heap_.Field(function, 0);
  // A moved object's first word is where it went to, without the tag.
  if (map && *map != 0 && (*map & 7) == 0) function = *map + 1;
  const auto type = heap_.TypeOf(function);
  const V8Layout& layout = heap_.layout();
  if (!type || *type < layout.first_function_type || *type > layout.last_function_type) return 0;
  return heap_.Field(function, layout.function_shared).value_or(0);
}

/// Whether it is a function of V8's own, which has code and no bytecode.
bool V8FrameNamer::IsOfBuiltin(V8Object shared) {
  if (shared == 0 || !heap_.Is(shared, heap_.layout().shared_type)) return false;
  const auto data = heap_.Field(shared, kSharedData);
  return data && !V8Heap::IsPointer(*data);
}

V8Object V8FrameNamer::SharedOfFeedback(V8Object vector) {
  if (!V8Heap::IsPointer(vector)) return 0;
  return heap_.Field(vector, kFeedbackShared).value_or(0);
}

V8Object V8FrameNamer::SharedOfOptimized(const V8Code& code) {
  if (!V8Heap::IsPointer(code.data)) return 0;
  const V8Layout& layout = heap_.layout();
  const uint64_t place = kFirstInArray + uint64_t{layout.deoptimization_shared} * 8;
  V8Object shared = heap_.Field(code.data, place).value_or(0);
  if (layout.deoptimization_wraps_shared && V8Heap::IsPointer(shared)) {
    shared = heap_.Field(shared, kWrapperShared).value_or(0);
  }
  return heap_.Is(shared, layout.shared_type) ? shared : 0;
}

/// The bytecode of a function, whichever way it is compiled.
V8Object V8FrameNamer::BytecodeOf(V8Object shared) {
  if (!heap_.Is(shared, heap_.layout().shared_type)) return 0;
  const V8Object data = heap_.Field(shared, kSharedData).value_or(0);
  if (!heap_.Is(data, heap_.layout().code_type)) return BytecodeIn(data);
  return BytecodeIn(heap_.Field(data, heap_.layout().code_data).value_or(0));
}

/// `data` itself, or what InterpreterData holds.
V8Object V8FrameNamer::BytecodeIn(V8Object data) {
  const uint16_t type = heap_.layout().bytecode_array_type;
  if (!V8Heap::IsPointer(data)) return 0;
  if (heap_.Is(data, type)) return data;
  const V8Object inner = heap_.Field(data, kInterpreterDataBytecode).value_or(0);
  return heap_.Is(inner, type) ? inner : 0;
}

}  // namespace sonde
