#include "core/unwind/go_table.h"

#include <algorithm>

#include "core/unwind/go_table_builder.h"

namespace sonde {

Result<GoTable> GoTable::Read(const TargetFile& file, const std::vector<ElfSection>& sections) {
  return GoTableBuilder::Build(file, sections);
}

std::optional<size_t> GoTable::FunctionAt(uint64_t svma) const {
  if (svma < base_ || svma - base_ >= starts_.back()) return std::nullopt;
  const auto after = std::ranges::upper_bound(starts_, static_cast<uint32_t>(svma - base_));
  if (after == starts_.begin()) return std::nullopt;
  return static_cast<size_t>(after - starts_.begin()) - 1;
}

bool GoTable::Covers(uint64_t svma) const {
  const auto function = FunctionAt(svma);
  return function && values_[*function] != kForeign;
}

GoPcValues GoTable::ValuesOf(size_t function) const {
  const std::span<const uint8_t> bytes = stack_bytes_;
  return GoPcValues(bytes.subspan(values_[function]), quantum_);
}

std::optional<uint32_t> GoTable::StackBytes(uint64_t svma) const {
  const auto function = FunctionAt(svma);
  if (!function || values_[*function] == kForeign) return std::nullopt;
  const auto covers = [svma](const SvmaRange& range) { return range.Contains(svma); };
  if (std::ranges::any_of(entries_, covers)) return std::nullopt;
  const uint64_t offset = svma - base_ - starts_[*function];
  if (values_[*function] == kUnsaid) {
    // What is called begins as the call left the stack.
    return offset == 0 ? std::optional<uint32_t>(0) : std::nullopt;
  }
  GoPcValues values = ValuesOf(*function);
  while (values.Next()) {
    if (offset >= values.end()) continue;
    if (values.value() < 0) break;
    return static_cast<uint32_t>(values.value());
  }
  return std::nullopt;
}

size_t GoTable::bytes() const {
  return sizeof(*this) + starts_.capacity() * sizeof(uint32_t) +
         values_.capacity() * sizeof(uint32_t) + stack_bytes_.capacity() +
         entries_.capacity() * sizeof(SvmaRange);
}

}  // namespace sonde
