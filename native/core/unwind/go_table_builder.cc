#include "core/unwind/go_table_builder.h"

#include <algorithm>

#include "core/unwind/go_pc_values.h"
#include "core/unwind/go_text.h"

namespace sonde {
namespace {

constexpr size_t kMaxGoValueBytes = 32 << 20;
/// Of one function's values. The longest in programs of 130 MB has 2 KiB.
constexpr size_t kMaxGoSequence = 64 << 10;
/// Programs have 30. A file that gives all its functions one name must not cost more.
constexpr size_t kMaxGoSpecials = 64;
/// abi.FuncFlagSPWrite
constexpr uint8_t kMovesStackPointer = 2;

Error DamagedGoTable(const char* what) {
  return Error{ENOEXEC, std::string(".gopclntab: ") + what};
}

/// Where fields of a function's record lie (runtime/runtime2.go: _func).
struct RecordLayout {
  uint32_t name;
  uint32_t stack_values;
  /// 0: none. Go 1.16 has a zero there.
  uint32_t flags;
  uint32_t bytes;
};

RecordLayout RecordLayoutOf(GoTableLayout layout) {
  switch (layout) {
    case GoTableLayout::kGo12:
      return {.name = 8, .stack_values = 20, .flags = 0, .bytes = 40};
    case GoTableLayout::kGo116:
      return {.name = 8, .stack_values = 20, .flags = 41, .bytes = 44};
    case GoTableLayout::kGo118:
      return {.name = 4, .stack_values = 16, .flags = 37, .bytes = 40};
    case GoTableLayout::kGo120:
      return {.name = 4, .stack_values = 16, .flags = 41, .bytes = 44};
  }
  __builtin_unreachable();
}

uint32_t NumberAt(std::span<const uint8_t> bytes, size_t offset) {
  uint32_t number;
  std::memcpy(&number, bytes.data() + offset, sizeof(number));
  return number;
}

/// Whether the values of a function that changes stacks are of use.
bool HoldsAnyway(std::optional<GoRole> role) {
  return role == GoRole::kSwitchesWithFrame || role == GoRole::kCallsOnThread ||
         role == GoRole::kGrowsStack;
}

/// An address or offset in the index.
std::optional<uint64_t> IndexWord(FileWindow& index, uint64_t offset, uint32_t bytes) {
  if (bytes == 8) return index.Read<uint64_t>(offset);
  return index.Read<uint32_t>(offset);
}

}  // namespace

Result<GoTable> GoTableBuilder::Build(const TargetFile& file,
                                      const std::vector<ElfSection>& sections) {
  const auto header = GoHeader::Find(file, sections);
  if (!header) return header.error();
  GoTableBuilder builder(file, *header, GoNames::Find(file, header->names));
  builder.table_.quantum_ = header->quantum;
  if (header->relative()) {
    const auto text = FindGoText(file, sections, *header);
    if (!text) return text.error();
    builder.table_.base_ = *text;
  }
  for (const auto step : {&GoTableBuilder::ReadFunctions, &GoTableBuilder::CopyValues}) {
    const auto done = (builder.*step)();
    if (!done) return done.error();
  }
  builder.AddSpecials(sections);
  return std::move(builder.table_);
}

Status GoTableBuilder::ReadFunctions() {
  FileWindow index(file_, header_.records);
  FileWindow records(file_, header_.records);
  const uint32_t word = header_.word();
  table_.starts_.reserve(header_.functions + size_t{1});
  table_.values_.reserve(header_.functions);
  uint64_t at = header_.index;
  for (uint32_t i = 0; i <= header_.functions; i++, at += 2 * word) {
    const auto address = IndexWord(index, at, word);
    if (!address) return DamagedGoTable("cut");
    if (i == 0 && !header_.relative()) table_.base_ = *address;
    const uint64_t start = header_.relative() ? *address : *address - table_.base_;
    if (start > UINT32_MAX || (i > 0 && start < table_.starts_.back())) {
      return DamagedGoTable("addresses do not ascend");
    }
    table_.starts_.push_back(static_cast<uint32_t>(start));
    if (i == header_.functions) break;
    const auto record = IndexWord(index, at + word, word);
    if (!record) return DamagedGoTable("cut");
    const auto added = AddFunction(*address, records, *record);
    if (!added) return added.error();
  }
  return Ok();
}

/// `record`: its place among the records. The linker writes them in the order of the functions.
Status GoTableBuilder::AddFunction(uint64_t address, FileWindow& records, uint64_t record) {
  const RecordLayout layout = RecordLayoutOf(header_.layout);
  const auto bytes = records.From(record, layout.bytes);
  if (bytes.size() < layout.bytes) return DamagedGoTable("no record of a function");
  const bool same = header_.relative() ? NumberAt(bytes, 0) == address
                                       : std::memcmp(bytes.data(), &address, sizeof(address)) == 0;
  if (!same) return DamagedGoTable("a record of another function");
  const auto role = names_.RoleOf(NumberAt(bytes, layout.name));
  if (role && specials_.size() < kMaxGoSpecials)
    specials_.push_back({table_.values_.size(), *role});
  const uint32_t values = NumberAt(bytes, layout.stack_values);
  const uint8_t flags = layout.flags == 0 ? 0 : bytes[layout.flags];
  const bool known =
      (flags & kMovesStackPointer) == 0 ? role != GoRole::kSwitches : HoldsAnyway(role);
  table_.values_.push_back(values == 0 ? GoTable::kForeign : known ? values : GoTable::kUnsaid);
  return Ok();
}

/// Replaces places in the file by places in a copy of the values that are of use.
Status GoTableBuilder::CopyValues() {
  std::vector<uint32_t> offsets = table_.values_;
  std::ranges::sort(offsets);
  offsets.erase(std::unique(offsets.begin(), offsets.end()), offsets.end());
  std::vector<uint32_t> places(offsets.size());
  FileWindow window(file_, header_.pc_values);
  for (size_t i = 0; i < offsets.size(); i++) {
    places[i] = offsets[i];
    if (offsets[i] >= GoTable::kUnsaid) continue;
    const auto bytes = window.From(offsets[i], kMaxGoSequence);
    GoPcValues values(bytes.first(std::min(bytes.size(), kMaxGoSequence)), header_.quantum);
    while (values.Next()) {
    }
    places[i] =
        values.complete() ? static_cast<uint32_t>(table_.stack_bytes_.size()) : GoTable::kUnsaid;
    if (!values.complete()) continue;
    if (table_.stack_bytes_.size() + values.read() > kMaxGoValueBytes) {
      return Error{E2BIG, ".gopclntab: too many values"};
    }
    table_.stack_bytes_.insert(table_.stack_bytes_.end(), bytes.begin(),
                               bytes.begin() + static_cast<ptrdiff_t>(values.read()));
  }
  for (uint32_t& value : table_.values_) {
    value = places[static_cast<size_t>(std::ranges::lower_bound(offsets, value) - offsets.begin())];
  }
  table_.stack_bytes_.shrink_to_fit();
  return Ok();
}

}  // namespace sonde
