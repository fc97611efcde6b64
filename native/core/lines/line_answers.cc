#include "core/lines/line_answers.h"

#include <algorithm>
#include <cstring>

namespace sonde {
namespace {

/// Of one conversation. 65,536 addresses of a large C++ program have 6 MB of texts.
constexpr size_t kMaxTextBytes = 32 << 20;
constexpr size_t kMaxTexts = 1 << 19;
constexpr size_t kMaxEntries = 1 << 20;
constexpr size_t kMaxRecord =
    std::max(kMaxLineText, sizeof(LineAnswerHeader) + size_t{kMaxLineDepth} * sizeof(LineEntry));

Error Forbidden(const char* what) {
  return Error{EPROTO, std::string("sonde-lines: its answer has ") + what};
}

template <typename Value>
Value ValueAt(std::span<const std::byte> bytes) {
  Value value;
  std::memcpy(&value, bytes.data(), sizeof(value));
  return value;
}

std::string TextOf(std::span<const std::byte> bytes) {
  std::string text(bytes.size(), '\0');
  if (!bytes.empty()) std::memcpy(text.data(), bytes.data(), bytes.size());
  return text;
}

}  // namespace

Status LineAnswers::Take(std::span<const std::byte> bytes) {
  pending_.insert(pending_.end(), bytes.begin(), bytes.end());
  std::span<const std::byte> rest = pending_;
  while (rest.size() >= sizeof(LineRecordHeader)) {
    if (ended_) return Forbidden("something behind its end");
    const auto header = ValueAt<LineRecordHeader>(rest);
    if (header.bytes > kMaxRecord) return Forbidden("a record that is too long");
    if (rest.size() < sizeof(header) + header.bytes) break;
    const auto taken = TakeRecord(header.kind, rest.subspan(sizeof(header), header.bytes));
    if (!taken) return taken.error();
    rest = rest.subspan(sizeof(header) + header.bytes);
  }
  if (ended_ && !rest.empty()) return Forbidden("something behind its end");
  pending_.erase(pending_.begin(), pending_.end() - static_cast<ptrdiff_t>(rest.size()));
  return Ok();
}

Status LineAnswers::TakeRecord(LineRecordKind kind, std::span<const std::byte> body) {
  switch (kind) {
    case LineRecordKind::kText:
      return TakeText(body);
    case LineRecordKind::kAnswer:
      return TakeAnswer(body);
    case LineRecordKind::kEnd:
      ended_ = true;
      problem_ = TextOf(body);
      return Ok();
  }
  return Forbidden("a record of no known kind");
}

Status LineAnswers::TakeText(std::span<const std::byte> body) {
  text_bytes_ += body.size();
  if (body.size() > kMaxLineText || text_bytes_ > kMaxTextBytes || texts_.size() >= kMaxTexts) {
    return Forbidden("too much text");
  }
  texts_.push_back(TextOf(body));
  return Ok();
}

Status LineAnswers::TakeAnswer(std::span<const std::byte> body) {
  if (body.size() < sizeof(LineAnswerHeader)) return Forbidden("a record that is too short");
  const auto header = ValueAt<LineAnswerHeader>(body);
  const auto list = body.subspan(sizeof(header));
  entries_ += header.lines;
  if (header.lines > kMaxLineDepth || entries_ > kMaxEntries) {
    return Forbidden("too many functions");
  }
  if (list.size() != header.lines * sizeof(LineEntry)) return Forbidden("a record of a wrong size");
  if (header.address >= answers_.size() || answers_[header.address]) {
    return Forbidden("an address that was not asked for");
  }
  LineAnswer answer{header.start, header.entry, std::vector<LineEntry>(header.lines)};
  if (!list.empty()) std::memcpy(answer.lines.data(), list.data(), list.size());
  for (const LineEntry& entry : answer.lines) {
    if (entry.function >= texts_.size() || entry.file >= texts_.size()) {
      return Forbidden("a text that was not sent");
    }
  }
  answers_[header.address] = std::move(answer);
  answered_++;
  return Ok();
}

}  // namespace sonde
