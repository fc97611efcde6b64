#include "core/symbols/perf_map.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

namespace sonde {
namespace {

constexpr size_t kPerfMapBlockBytes = 256 << 10;
/// Lines that are put into the index together.
constexpr size_t kPendingLines = 256 << 10;
/// Of a line so much is looked at: both numbers with much room, and more than is shown of a name.
constexpr size_t kLongestBegin = 128 + kLongestCodeName;

struct PerfMapLine {
  uint64_t start = 0;
  uint64_t size = 0;
  std::string_view name;
};

bool IsBlank(char letter) { return letter == ' ' || letter == '\t' || letter == '\r'; }

/// Hexadecimal digits, `0x` before them or not, with a blank behind them; both are taken from `text`.
std::optional<uint64_t> TakeHexadecimal(std::string_view& text) {
  if (text.starts_with("0x") || text.starts_with("0X")) text.remove_prefix(2);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  const auto digits = static_cast<size_t>(end - text.data());
  if (error != std::errc() || digits == text.size() || !IsBlank(*end)) return std::nullopt;
  text.remove_prefix(digits);
  while (!text.empty() && IsBlank(text.front())) text.remove_prefix(1);
  return value;
}

std::optional<PerfMapLine> ParsePerfMapLine(std::string_view text) {
  while (!text.empty() && IsBlank(text.back())) text.remove_suffix(1);
  PerfMapLine line;
  const auto start = TakeHexadecimal(text);
  const auto size = start ? TakeHexadecimal(text) : std::nullopt;
  if (!size || text.empty()) return std::nullopt;
  line.start = *start;
  line.size = *size;
  line.name = text;
  return line;
}

}  // namespace

void PerfMap::Restart() {
  index_.Clear();
  pending_.clear();
  cursor_ = GrowingFile();
  in_line_ = false;
  left_out_ = 0;
  damaged_ = 0;
  forgot_ = false;
}

Result<uint64_t> PerfMap::Update(const TargetFile& file, uint64_t max_bytes) {
  if (!Continues(file)) Restart();
  uint64_t offset = cursor_.position();
  if (file.size() - offset > max_bytes) {
    // What is left out may have laid other code over the functions known so far.
    Restart();
    offset = left_out_ = file.size() - max_bytes;
    in_line_ = true;
  }
  const uint64_t begin = offset;
  std::string block;
  for (;;) {
    block.resize(static_cast<size_t>(std::min<uint64_t>(kPerfMapBlockBytes, file.size() - offset)));
    const auto read = file.ReadAt(std::as_writable_bytes(std::span(block)), offset);
    if (!read) {
      Restart();
      return read.error();
    }
    const size_t taken = TakeLines(std::string_view(block).substr(0, *read), offset);
    if (taken == 0) break;  // the end, or a line that is being written
    offset += taken;
  }
  Index();
  cursor_.Advance(file, offset);
  return offset - begin;
}

size_t PerfMap::TakeLines(std::string_view block, uint64_t offset) {
  size_t taken = 0;
  while (taken < block.size()) {
    const size_t end = block.find('\n', taken);
    if (end == std::string_view::npos) break;
    if (!in_line_) TakeLine(block.substr(taken, end - taken), offset + taken);
    in_line_ = false;
    taken = end + 1;
  }
  // A line without an end is left at once: only its begin is of interest.
  if (taken > 0 || block.size() < kPerfMapBlockBytes) return taken;
  if (!in_line_) TakeLine(block, offset);
  in_line_ = true;
  return block.size();
}

void PerfMap::TakeLine(std::string_view text, uint64_t offset) {
  const auto line = ParsePerfMapLine(text.substr(0, kLongestBegin));
  const MadeCode code = line ? MadeCode{line->start, line->size, offset} : MadeCode{};
  // A function without code says nothing, and is no damage.
  if (line && line->size == 0) return;
  if (!line || !CodeIndex::Fits(code)) {
    damaged_++;
    return;
  }
  pending_.push_back(code);
  if (pending_.size() >= kPendingLines) Index();
}

void PerfMap::Index() {
  index_.Add(pending_);
  forgot_ = forgot_ || index_.size() > max_functions_;
  index_.Keep(max_functions_);
  pending_ = std::vector<MadeCode>();
}

std::optional<CodeName> PerfMap::NameOf(const MadeCode& code, uint64_t avma, const TargetFile& file,
                                        ReadAllowance& allowance) const {
  std::array<char, kLongestBegin> bytes;
  if (!allowance.Allows(bytes.size())) return std::nullopt;
  const auto read = file.ReadAt(std::as_writable_bytes(std::span(bytes)), code.place);
  if (!read) return std::nullopt;
  allowance.Take(*read);
  const std::string_view text(bytes.data(), *read);
  const auto line = ParsePerfMapLine(text.substr(0, text.find('\n')));
  // The file may have been written anew since it was read.
  if (!line || line->start != code.start || line->size != code.size) return std::nullopt;
  return CodeName{.function = CutCodeName(line->name),
                  .offset = static_cast<uint32_t>(avma - code.start)};
}

}  // namespace sonde
