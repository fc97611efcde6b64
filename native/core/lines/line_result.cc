#include "core/lines/line_result.h"

#include <unordered_map>

#include "core/symbols/demangle.h"
#include "core/symbols/printable_text.h"

namespace sonde {
namespace {

uint32_t Distance(uint64_t from, uint64_t to) {
  return to < from || to - from >= LineResult::kNoOffset ? LineResult::kNoOffset
                                                         : static_cast<uint32_t>(to - from);
}

/// Numbers the texts that a result uses, in the order of their use.
class ResultBuilder {
 public:
  explicit ResultBuilder(const ImageLines& known) : known_(known) {}

  void Add(uint64_t address) {
    const auto* const found = known_.Find(address);
    const bool any = found != nullptr && !found->answer.lines.empty();
    if (any) AddPlaces(found->answer.lines);
    result.offsets.push_back(static_cast<uint32_t>(result.line.size()));
    // Assembly has lines without a function, which begins nowhere.
    const bool function = any && (found->answer.start != 0 || found->answer.entry != 0);
    result.from_start.push_back(function ? Distance(found->answer.start, found->svma)
                                         : LineResult::kNoOffset);
    result.from_entry.push_back(function ? Distance(found->answer.entry, found->svma)
                                         : LineResult::kNoOffset);
  }

  LineResult result;

 private:
  void AddPlaces(const std::vector<LineEntry>& lines) {
    for (const LineEntry& entry : lines) {
      result.function.push_back(FunctionOf(entry.function));
      result.file.push_back(FileOf(entry.file));
      result.line.push_back(entry.line);
    }
  }

  uint32_t FunctionOf(uint32_t text) {
    if (text == 0) return 0;
    const auto [entry, is_new] = functions_.try_emplace(text, 0);
    if (is_new) {
      const std::string& name = known_.TextOf(text);
      result.system_names.push_back(PrintableText(name));
      result.functions.push_back(PrintableText(Demangle(name)));
      entry->second = static_cast<uint32_t>(result.functions.size());
    }
    return entry->second;
  }

  uint32_t FileOf(uint32_t text) {
    if (text == 0) return 0;
    const auto [entry, is_new] = files_.try_emplace(text, 0);
    if (is_new) {
      result.files.push_back(PrintableText(known_.TextOf(text)));
      entry->second = static_cast<uint32_t>(result.files.size());
    }
    return entry->second;
  }

  const ImageLines& known_;
  std::unordered_map<uint32_t, uint32_t> functions_;
  std::unordered_map<uint32_t, uint32_t> files_;
};

}  // namespace

LineResult ToLineResult(const std::vector<uint64_t>& addresses, const ImageLines& known) {
  ResultBuilder builder(known);
  for (const uint64_t address : addresses) builder.Add(address);
  builder.result.has_dwarf = known.has_dwarf;
  return std::move(builder.result);
}

LineResult NoLines(size_t addresses, std::string problem) {
  LineResult result;
  result.offsets.resize(addresses + 1);
  result.from_start.resize(addresses, LineResult::kNoOffset);
  result.from_entry.resize(addresses, LineResult::kNoOffset);
  result.problem = std::move(problem);
  return result;
}

}  // namespace sonde
