#include "core/perf/function_ledger.h"

#include <algorithm>
#include <utility>

#include "core/base/hash.h"

namespace sonde {
namespace {

/// In one window. A large server has some thousand places that are ever sampled, each of which takes another number for each
/// second or so.
constexpr size_t kMaxNumbers = 65'536;
constexpr size_t kMaxNumbersEach = 24'576;
/// Of names and paths in two windows.
constexpr size_t kMaxFunctionBytes = 16 << 20;
/// A frame whose function had moved is asked for again when it is next sampled, so often.
constexpr uint8_t kMaxQuestionsEach = 8;
/// How much newer than what was seen a frame may be, in nanoseconds. Rings are read once a second at least.
constexpr uint64_t kHolds = 1'000'000'000;

size_t BytesOf(const V8Answer& answer) {
  size_t bytes = sizeof(FrameFunctions::value_type);
  for (const V8FunctionPtr& function : answer.functions) {
    bytes += sizeof(*function) + function->name.size() + function->file.size();
  }
  return bytes;
}

bool SameFunctions(const V8Answer& left, const V8Answer& right) {
  return std::ranges::equal(left.functions, right.functions,
                            [](const auto& one, const auto& other) { return *one == *other; });
}

}  // namespace

size_t FunctionLedger::Hash::operator()(const Key& key) const {
  const uint64_t words = MixHash(key.function ^ kFirstHashSecret, key.caller ^ kSecondHashSecret);
  return MixHash(key.word ^ words ^ (key.generated ? 1 : 0),
                 (uint64_t{key.pid} << 32) ^ key.began_at ^ kSecondHashSecret);
}

uint32_t FunctionLedger::NumberOf(const Process& process, const V8Frame& frame) {
  const Key key{.word = frame.generated ? frame.address : frame.bytecode_array,
                .function = frame.generated ? 0 : frame.function,
                .caller = frame.return_address,
                .began_at = process.began_at,
                .pid = process.pid,
                .generated = frame.generated};
  const auto [entry, added] = known_.try_emplace(key);
  if (!added) return NumberOf(process, frame, entry->second);
  if (Begin(process, frame, entry->second)) return entry->second.number;
  known_.erase(entry);
  return 0;
}

bool FunctionLedger::Begin(const Process& process, const V8Frame& frame, Known& known) {
  const uint32_t number = NewNumber(process.pid, known);
  if (number == 0) return false;
  // A reply that comes after all is of the frames before.
  by_number_.erase(known.number);
  by_number_.erase(known.doubtful);
  known = {.number = number, .since = frame.time};
  Ask(process, frame, number, known);
  return true;
}

uint32_t FunctionLedger::NumberOf(const Process& process, const V8Frame& frame, Known& known) {
  // Of a sample that waited for something else to be read, longer than anything holds.
  if (frame.time + kHolds < known.since) return 0;
  const V8Answer::State state = functions_[known.number].state;
  if (state == V8Answer::State::kNamed) {
    return frame.time <= known.held_at + kHolds ? known.number
                                                : DoubtfulNumberOf(process, frame, known);
  }
  const bool moved = state == V8Answer::State::kMoved;
  if (known.waits || !(moved || state == V8Answer::State::kLate)) return known.number;
  if (frame.time > known.since + kHolds) return Begin(process, frame, known) ? known.number : 0;
  if (moved && known.asked < kMaxQuestionsEach) Ask(process, frame, known.number, known);
  return known.number;
}

uint32_t FunctionLedger::DoubtfulNumberOf(const Process& process, const V8Frame& frame,
                                          Known& known) {
  if (known.waits) return known.doubtful;
  known.doubtful = NewNumber(process.pid, known);
  if (known.doubtful == 0) return 0;
  known.doubtful_since = frame.time;
  Ask(process, frame, known.doubtful, known);
  return known.doubtful;
}

/// 0 where there is no room for it.
uint32_t FunctionLedger::NewNumber(uint32_t pid, Known& known) {
  size_t& of_process = of_process_[pid];
  if (next_ - first_of_this_ >= kMaxNumbers || of_process >= kMaxNumbersEach) return 0;
  of_process++;
  by_number_[next_] = &known;
  Store(next_, {});
  return next_++;
}

void FunctionLedger::Ask(const Process& process, const V8Frame& frame, uint32_t number,
                         Known& known) {
  known.asked++;
  if (!process.image->layout) return Store(number, {.state = V8Answer::State::kUnknownVersion});
  if (!reader_) reader_ = std::make_unique<V8Reader>();
  known.waits = reader_->Ask({.id = number,
                              .pid = process.pid,
                              .began_at = process.began_at,
                              .image = process.image,
                              .frame = frame});
  if (known.waits) waiting_++;
}

void FunctionLedger::TakeReplies() {
  if (!reader_ || waiting_ == 0) return;
  for (const V8Reader::Reply& reply : reader_->Take()) Settle(reply);
}

/// One of a thread that was given up may come after its window, or second.
void FunctionLedger::Settle(const V8Reader::Reply& reply) {
  const auto entry = by_number_.find(reply.id);
  if (entry == by_number_.end()) {
    const auto answer = functions_.find(reply.id);
    const bool is_late =
        answer != functions_.end() && answer->second.state == V8Answer::State::kLate;
    if (is_late) Store(reply.id, reply.answer);
    return;
  }
  Known& known = *entry->second;
  if (known.waits) waiting_--;
  known.waits = false;
  if (reply.id == known.doubtful) return SettleDoubt(reply.answer, known);
  if (functions_[known.number].state == V8Answer::State::kNamed) return;
  known.held_at = reply.answer.held_at;
  Store(known.number, reply.answer);
}

void FunctionLedger::SettleDoubt(const V8Answer& answer, Known& known) {
  const uint32_t number = std::exchange(known.doubtful, 0);
  const bool same =
      answer.state == V8Answer::State::kNamed && SameFunctions(answer, functions_[known.number]);
  Store(number, answer);
  by_number_.erase(same ? number : known.number);
  known.held_at = answer.held_at;
  if (!same) {
    known = {
        .number = number, .since = known.doubtful_since, .held_at = answer.held_at, .asked = 1};
  }
}

void FunctionLedger::Store(uint32_t number, V8Answer answer) {
  const auto [entry, added] = functions_.try_emplace(number);
  if (!added) bytes_ -= BytesOf(entry->second);
  if (bytes_ + BytesOf(answer) > kMaxFunctionBytes) answer = {};
  bytes_ += BytesOf(answer);
  entry->second = std::move(answer);
}

void FunctionLedger::EndWindow() {
  known_.clear();
  by_number_.clear();
  of_process_.clear();
  waiting_ = 0;
  first_of_last_ = std::exchange(first_of_this_, next_);
  std::erase_if(functions_, [this](const auto& entry) { return entry.first < first_of_last_; });
  bytes_ = 0;
  for (const auto& [number, answer] : functions_) bytes_ += BytesOf(answer);
}

}  // namespace sonde
