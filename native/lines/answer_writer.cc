#include "lines/answer_writer.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace sonde {
uint32_t AnswerWriter::NumberOf(std::string_view text) {
  if (text.empty() || text.size() > kMaxLineText) return 0;
  const auto number = static_cast<uint32_t>(texts_.size() + 1);
  const auto [entry, is_new] = texts_.try_emplace(std::string(text), number);
  if (!is_new) return entry->second;
  Begin(LineRecordKind::kText, text.size());
  Append(text.data(), text.size());
  return number;
}

void AnswerWriter::Answer(const LineAnswerHeader& header, std::span<const LineEntry> lines) {
  Begin(LineRecordKind::kAnswer, sizeof(header) + lines.size_bytes());
  Append(&header, sizeof(header));
  Append(lines.data(), lines.size_bytes());
  if (unsent_.size() >= kRoom / 2) Flush();
}

void AnswerWriter::End(std::string_view problem) {
  problem = problem.substr(0, kMaxLineText);
  Begin(LineRecordKind::kEnd, problem.size());
  Append(problem.data(), problem.size());
  Flush();
}

void AnswerWriter::Flush() {
  size_t sent = 0;
  while (sent < unsent_.size()) {
    const ssize_t count = write(socket_, unsent_.data() + sent, unsent_.size() - sent);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) std::exit(1);  // the agent listens no more
    sent += static_cast<size_t>(count);
  }
  unsent_.clear();
}

void AnswerWriter::Begin(LineRecordKind kind, size_t bytes) {
  const LineRecordHeader header = {kind, static_cast<uint32_t>(bytes)};
  Append(&header, sizeof(header));
}

void AnswerWriter::Append(const void* bytes, size_t size) {
  unsent_.append(static_cast<const char*>(bytes), size);
}

}  // namespace sonde
