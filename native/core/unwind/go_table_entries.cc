#include <algorithm>

#include "core/unwind/go_pc_values.h"
#include "core/unwind/go_table_builder.h"

namespace sonde {
namespace {

/// runtime.morestack has 130 bytes.
constexpr uint64_t kMaxSearchedCode = 4096;
/// Between the change of stacks and the call, at most: clears the frame pointer, and on aarch64 makes a frame.
constexpr uint64_t kBeforeCall = 8;

/// What an instruction calls, from the instruction on; nothing where it is no call.
std::optional<int64_t> CalleeOf(std::span<const uint8_t> code, uint8_t quantum) {
  uint32_t word;
  int32_t distance;
  if (quantum == 4) {
    std::memcpy(&word, code.data(), sizeof(word));
    // bl: 26 bits of words.
    distance = static_cast<int32_t>(word << 6) >> 4;
    return word >> 26 == 0x25 ? std::optional<int64_t>(distance) : std::nullopt;
  }
  std::memcpy(&distance, code.data() + 1, sizeof(distance));
  return code[0] == 0xe8 ? std::optional<int64_t>(int64_t{distance} + 5) : std::nullopt;
}

const ElfSection* SectionAround(const std::vector<ElfSection>& sections, SvmaRange range) {
  const auto found = std::ranges::find_if(sections, [&](const ElfSection& section) {
    const uint64_t begin = range.start - section.svma;
    return section.svma != 0 && begin <= section.size &&
           range.end - range.start <= section.size - begin;
  });
  return found == sections.end() ? nullptr : &*found;
}

}  // namespace

void GoTableBuilder::AddSpecials(const std::vector<ElfSection>& sections) {
  for (const Special& special : specials_) {
    const SvmaRange range = RangeOf(special.function);
    switch (special.role) {
      case GoRole::kEntry:
        table_.entries_.push_back(range);
        break;
      case GoRole::kCallsOnThread:
        table_.entries_.push_back(Deepest(special.function));
        // A way through it after the change would go astray.
        table_.values_[special.function] = GoTable::kUnsaid;
        break;
      case GoRole::kGrowsStack:
        table_.entries_.push_back(CallOfNewstack(special.function, sections));
        break;
      case GoRole::kSignalReturn:
        table_.signal_return_ = range.start;
        break;
      case GoRole::kNewstack:
      case GoRole::kSwitches:
      case GoRole::kSwitchesWithFrame:
        break;
    }
  }
}

SvmaRange GoTableBuilder::RangeOf(size_t function) const {
  return {table_.base_ + table_.starts_[function], table_.base_ + table_.starts_[function + 1]};
}

/// Where a function has most on the stack: after it has changed stacks, it makes room for its call there.
SvmaRange GoTableBuilder::Deepest(size_t function) const {
  const SvmaRange whole = RangeOf(function);
  if (table_.values_[function] >= GoTable::kUnsaid) return whole;
  SvmaRange deepest = whole;
  int64_t most = -1;
  GoPcValues values = table_.ValuesOf(function);
  for (uint64_t start = 0; values.Next(); start = values.end()) {
    if (values.value() <= most) continue;
    most = values.value();
    deepest = {whole.start + start, std::min(whole.end, whole.start + values.end())};
  }
  return deepest;
}

/// From there on runtime.morestack is on the thread's stack. The table does not speak of it: the call itself is looked
/// for in the code. The whole function where it is not found.
SvmaRange GoTableBuilder::CallOfNewstack(size_t function,
                                         const std::vector<ElfSection>& sections) const {
  SvmaRange range = RangeOf(function);
  const ElfSection* section = SectionAround(sections, range);
  if (section == nullptr) return range;
  std::vector<uint8_t> code(std::min(range.end - range.start, kMaxSearchedCode));
  const uint64_t offset = section->file_offset + (range.start - section->svma);
  const auto read = file_.ReadAt(std::as_writable_bytes(std::span(code)), offset);
  for (uint64_t at = 0; read && at + 5 <= *read; at += header_.quantum) {
    const auto callee = CalleeOf(std::span(code).subspan(at), header_.quantum);
    if (!callee || !IsNewstack(range.start + at + static_cast<uint64_t>(*callee))) continue;
    range.start += at - std::min(at, kBeforeCall);
    break;
  }
  return range;
}

/// Assembly calls it by a function that passes arguments on, which has the same name.
bool GoTableBuilder::IsNewstack(uint64_t svma) const {
  return std::ranges::any_of(specials_, [&](const Special& special) {
    return special.role == GoRole::kNewstack && RangeOf(special.function).start == svma;
  });
}

}  // namespace sonde
