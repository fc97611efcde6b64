#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/lines/line_protocol.h"

namespace sonde {

/// Writes the child's half of the conversation. What was written is sent by Flush, or once it is a few pages.
class AnswerWriter {
 public:
  explicit AnswerWriter(int socket) : socket_(socket) { unsent_.reserve(kRoom); }

  /// The number of a text, which is sent the first time. 0 for one that is longer than any may be.
  uint32_t NumberOf(std::string_view text);
  void Answer(const LineAnswerHeader& header, std::span<const LineEntry> lines);
  void End(std::string_view problem);
  void Flush();

 private:
  /// Twice as much as stays unsent: the end can be said when there is no memory left.
  static constexpr size_t kRoom = 64 << 10;

  void Begin(LineRecordKind kind, size_t bytes);
  void Append(const void* bytes, size_t size);

  int socket_;
  std::string unsent_;
  std::unordered_map<std::string, uint32_t> texts_;
};

}  // namespace sonde
