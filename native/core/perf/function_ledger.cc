#include "core/perf/function_ledger.h"

#include <bit>

#include "core/base/hash.h"

namespace sonde {
namespace {

/// In one window. A large server has some thousand places that are ever sampled.
constexpr size_t kMaxNumbers = 65'536;
constexpr size_t kMaxNumbersEach = 8192;
/// Of names and paths in two windows.
constexpr size_t kMaxFunctionBytes = 16 << 20;
/// A frame whose function had moved is asked for again when it is next sampled, so often.
constexpr uint8_t kMaxQuestionsEach = 8;

size_t BytesOf(const V8Answer& answer) {
  size_t bytes = sizeof(FrameFunctions::value_type);
  for (const V8FunctionPtr& function : answer.functions) {
    bytes += sizeof(*function) + function->name.size() + function->file.size();
  }
  return bytes;
}

}  // namespace

size_t FunctionLedger::Hash::operator()(const Key& key) const {
  return MixHash(key.word ^ kFirstHashSecret ^ (key.generated ? 1 : 0),
                 (uint64_t{key.pid} << 32) ^ key.began_at ^ kSecondHashSecret);
}

uint32_t FunctionLedger::NumberOf(const Process& process, const V8Frame& frame) {
  const uint64_t called_by = std::rotl(frame.return_address, 16);
  const Key key{.word = frame.generated ? frame.address : frame.bytecode_array ^ called_by,
                .began_at = process.began_at,
                .pid = process.pid,
                .generated = frame.generated};
  const auto found = known_.find(key);
  if (found == known_.end()) {
    size_t& of_process = of_process_[process.pid];
    if (known_.size() >= kMaxNumbers || of_process >= kMaxNumbersEach) return 0;
    of_process++;
    Known& added = known_[key];
    added.number = next_++;
    by_number_[added.number] = &added;
    Ask(process, frame, added);
    return added.number;
  }
  Known& known = found->second;
  if (!known.waits && known.asked < kMaxQuestionsEach &&
      functions_[known.number].state == V8Answer::State::kMoved) {
    Ask(process, frame, known);
  }
  return known.number;
}

void FunctionLedger::Ask(const Process& process, const V8Frame& frame, Known& known) {
  known.asked++;
  V8Answer& answer = functions_[known.number];
  if (!process.image->layout) {
    answer = {.state = V8Answer::State::kUnknownVersion};
    return;
  }
  if (!reader_) reader_ = std::make_unique<V8Reader>();
  known.waits = reader_->Ask({.id = known.number,
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

void FunctionLedger::Settle(const V8Reader::Reply& reply) {
  const auto known = by_number_.find(reply.id);
  if (known != by_number_.end()) {
    if (known->second->waits) waiting_--;
    known->second->waits = false;
  }
  const auto answer = functions_.find(reply.id);
  // One of a thread that was given up may come after its window, or second.
  if (answer == functions_.end() || answer->second.state == V8Answer::State::kNamed) return;
  const size_t bytes = BytesOf(reply.answer);
  if (bytes_ + bytes > kMaxFunctionBytes) return;
  bytes_ += bytes;
  answer->second = reply.answer;
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
