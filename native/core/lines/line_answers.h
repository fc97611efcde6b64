#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/lines/line_protocol.h"

namespace sonde {

/// What DWARF says of one address.
struct LineAnswer {
  uint64_t start = 0;  ///< as in LineAnswerHeader
  uint64_t entry = 0;
  /// Innermost first; texts by their number among LineAnswers::texts(). Empty where DWARF says nothing.
  std::vector<LineEntry> lines;
};

/// Takes the child's records in. The child reads hostile files and may have become hostile itself: what is not allowed
/// ends the conversation, and memory is bounded whatever it says.
class LineAnswers {
 public:
  explicit LineAnswers(size_t addresses) : answers_(addresses) {}

  /// Takes bytes as they arrive. Error: they are not what the protocol allows.
  Status Take(std::span<const std::byte> bytes);

  /// Whether the child has said that it is done.
  bool ended() const { return ended_; }
  /// Why not all was answered, in the child's words; empty where it said nothing.
  const std::string& problem() const { return problem_; }
  size_t answered() const { return answered_; }
  /// By position in the request; none where nothing came.
  const std::vector<std::optional<LineAnswer>>& answers() const { return answers_; }
  /// Number 0 is the empty text.
  const std::vector<std::string>& texts() const { return texts_; }

 private:
  Status TakeRecord(LineRecordKind kind, std::span<const std::byte> body);
  Status TakeText(std::span<const std::byte> body);
  Status TakeAnswer(std::span<const std::byte> body);

  std::vector<std::byte> pending_;  ///< the begin of a record that is still to come
  std::vector<std::string> texts_{""};
  size_t text_bytes_ = 0;
  size_t entries_ = 0;
  std::vector<std::optional<LineAnswer>> answers_;
  size_t answered_ = 0;
  bool ended_ = false;
  std::string problem_;
};

}  // namespace sonde
