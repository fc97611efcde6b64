// What sonde-lines might say.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "core/lines/line_protocol.h"

namespace sonde {

class LineRecords {
 public:
  LineRecords& Text(const std::string& text) {
    Raw(LineRecordKind::kText, static_cast<uint32_t>(text.size()));
    return Append(text.data(), text.size());
  }
  LineRecords& Answer(const LineAnswerHeader& header, const std::vector<LineEntry>& lines) {
    const size_t bytes = sizeof(header) + lines.size() * sizeof(LineEntry);
    Raw(LineRecordKind::kAnswer, static_cast<uint32_t>(bytes));
    Append(&header, sizeof(header));
    return Append(lines.data(), lines.size() * sizeof(LineEntry));
  }
  LineRecords& End(const std::string& problem) {
    Raw(LineRecordKind::kEnd, static_cast<uint32_t>(problem.size()));
    return Append(problem.data(), problem.size());
  }
  /// The begin of a record.
  LineRecords& Raw(LineRecordKind kind, uint32_t bytes) {
    const LineRecordHeader header = {kind, bytes};
    return Append(&header, sizeof(header));
  }

  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  LineRecords& Append(const void* from, size_t size) {
    const auto* const at = static_cast<const std::byte*>(from);
    bytes_.insert(bytes_.end(), at, at + size);
    return *this;
  }

  std::vector<std::byte> bytes_;
};

}  // namespace sonde
