#include "core/symbols/go_functions.h"

#include <algorithm>

#include "core/unwind/file_window.h"
#include "core/unwind/go_header.h"
#include "core/unwind/go_text.h"

namespace sonde {
namespace {

Error DamagedFunctions(const char* what) {
  return Error{ENOEXEC, std::string(".gopclntab: ") + what};
}

/// An address or an offset in the index.
std::optional<uint64_t> WordAt(FileWindow& window, uint64_t offset, uint32_t bytes) {
  if (bytes == 8) return window.Read<uint64_t>(offset);
  return window.Read<uint32_t>(offset);
}

}  // namespace

/// Steps through the index, and the record of each function.
class GoFunctions::Reader {
 public:
  Reader(const TargetFile& file, const GoHeader& header)
      : header_(header), index_(file, header.records), records_(file, header.records) {}

  /// With its base set, where addresses are relative to one.
  Status Fill(GoFunctions& functions);

 private:
  /// The place of the name of the function whose record lies there (runtime/runtime2.go: _func).
  std::optional<uint32_t> NameOf(uint64_t record, uint64_t address);

  const GoHeader& header_;
  FileWindow index_;
  FileWindow records_;
};

std::optional<uint32_t> GoFunctions::Reader::NameOf(uint64_t record, uint64_t address) {
  const uint32_t word = header_.word();
  // The window goes forwards: all of the record at once.
  if (records_.From(record, word + sizeof(uint32_t)).size() < word + sizeof(uint32_t)) return {};
  if (WordAt(records_, record, word) != address) return {};
  return records_.Read<uint32_t>(record + word);
}

Status GoFunctions::Reader::Fill(GoFunctions& functions) {
  const uint32_t word = header_.word();
  uint64_t at = header_.index;
  for (uint32_t i = 0; i <= header_.functions; i++, at += 2 * word) {
    const auto address = WordAt(index_, at, word);
    if (!address) return DamagedFunctions("cut");
    if (i == 0 && !header_.relative()) functions.base_ = *address;
    const uint64_t start = header_.relative() ? *address : *address - functions.base_;
    if (start > UINT32_MAX || (i > 0 && start < functions.starts_.back())) {
      return DamagedFunctions("addresses do not ascend");
    }
    functions.starts_.push_back(static_cast<uint32_t>(start));
    if (i == header_.functions) break;
    const auto record = WordAt(index_, at + word, word);
    const auto name = record ? NameOf(*record, *address) : std::nullopt;
    if (!name) return DamagedFunctions("no record of a function");
    functions.name_offsets_.push_back(*name);
  }
  return Ok();
}

Result<GoFunctions> GoFunctions::Read(const TargetFile& file,
                                      const std::vector<ElfSection>& sections, size_t max_bytes) {
  const auto header = GoHeader::Find(file, sections);
  if (!header) return header.error();
  GoFunctions functions;
  if (header->functions > max_bytes / (2 * sizeof(uint32_t))) {
    return Error{E2BIG, ".gopclntab: too many functions"};
  }
  if (header->relative()) {
    const auto text = FindGoText(file, sections, *header);
    if (!text) return text.error();
    functions.base_ = *text;
  }
  functions.names_ = {header->names.offset, header->names.size};
  functions.starts_.reserve(header->functions + size_t{1});
  functions.name_offsets_.reserve(header->functions);
  const auto filled = Reader(file, *header).Fill(functions);
  if (!filled) return filled.error();
  return functions;
}

std::optional<FunctionSource::Match> GoFunctions::Find(uint64_t svma) const {
  if (svma < base_ || svma - base_ >= starts_.back()) return std::nullopt;
  const auto offset = static_cast<uint32_t>(svma - base_);
  const auto after = std::ranges::upper_bound(starts_, offset);
  if (after == starts_.begin()) return std::nullopt;
  const auto function = static_cast<uint32_t>(after - starts_.begin() - 1);
  return Match{function, offset - starts_[function]};
}

std::string GoFunctions::NameOf(uint32_t function, const ImageFiles& files) const {
  if (function >= name_offsets_.size()) return {};
  return names_.NameAt(files.image, name_offsets_[function]);
}

size_t GoFunctions::bytes() const {
  return sizeof(*this) + (starts_.capacity() + name_offsets_.capacity()) * sizeof(uint32_t);
}

std::vector<std::span<const std::byte>> GoFunctions::Content() const {
  return {std::as_bytes(std::span(&base_, 1)), std::as_bytes(std::span(&names_, 1)),
          std::as_bytes(std::span(starts_)), std::as_bytes(std::span(name_offsets_))};
}

}  // namespace sonde
