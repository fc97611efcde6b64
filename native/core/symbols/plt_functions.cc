#include "core/symbols/plt_functions.h"

#include <elf.h>

#include <algorithm>

#include "core/symbols/plt_decoder.h"
#include "core/unwind/file_window.h"

namespace sonde {
namespace {

/// Chromium has 2,000 stubs.
constexpr uint64_t kMaxStubBytes = 4 << 20;
/// Of one section. Chromium's .rela.dyn has 12 MiB, nearly all of them of other types.
constexpr uint64_t kMaxRelocationBytes = 256 << 20;
constexpr size_t kMaxSlots = 1 << 19;

#if defined(__x86_64__)
constexpr uint32_t kJumpSlot = R_X86_64_JUMP_SLOT;
constexpr uint32_t kGlobalData = R_X86_64_GLOB_DAT;
#else
constexpr uint32_t kJumpSlot = R_AARCH64_JUMP_SLOT;
constexpr uint32_t kGlobalData = R_AARCH64_GLOB_DAT;
#endif

std::vector<PltStub> Decode(std::span<const uint8_t> code, const ElfSection& section) {
#if defined(__x86_64__)
  return DecodePltOfX86_64(code, section.svma, section.name == ".plt.got" ? 8 : 16);
#else
  return DecodePltOfAarch64(code, section.svma);
#endif
}

}  // namespace

class PltFunctions::Reader {
 public:
  Reader(const TargetFile& file, const std::vector<ElfSection>& sections)
      : file_(file), sections_(sections) {}

  Status Fill(PltFunctions& functions, size_t max_entries);

 private:
  /// Which symbol's address the loader puts where.
  struct Slot {
    uint64_t svma;
    uint32_t symbol;
  };

  Status ReadSlots(const char* section, bool in_order);
  Status AddStubs(const ElfSection& section, std::vector<Entry>& entries);
  std::optional<uint32_t> SymbolOf(const PltStub& stub) const;

  const TargetFile& file_;
  const std::vector<ElfSection>& sections_;
  std::vector<Slot> slots_;          ///< by svma
  std::vector<uint32_t> by_number_;  ///< symbols of .rela.plt
};

/// `in_order`: stubs may know the relocations by their numbers.
Status PltFunctions::Reader::ReadSlots(const char* name, bool in_order) {
  const ElfSection* section = FindSection(sections_, name);
  if (section == nullptr || section->type != SHT_RELA) return Ok();
  FileWindow window(file_, {section->file_offset, std::min(section->size, kMaxRelocationBytes)});
  for (uint64_t at = 0;; at += sizeof(Elf64_Rela)) {
    const auto relocation = window.Read<Elf64_Rela>(at);
    if (!relocation) return Ok();
    const auto type = static_cast<uint32_t>(ELF64_R_TYPE(relocation->r_info));
    const bool names = type == kJumpSlot || type == kGlobalData;
    const auto symbol = names ? static_cast<uint32_t>(ELF64_R_SYM(relocation->r_info)) : 0;
    if (slots_.size() >= kMaxSlots || by_number_.size() >= kMaxSlots) {
      return Error{E2BIG, std::string(name) + ": too many relocations"};
    }
    if (in_order) by_number_.push_back(symbol);
    if (symbol != 0) slots_.push_back({relocation->r_offset, symbol});
  }
}

std::optional<uint32_t> PltFunctions::Reader::SymbolOf(const PltStub& stub) const {
  if (stub.relocation) {
    if (*stub.relocation >= by_number_.size() || by_number_[*stub.relocation] == 0) return {};
    return by_number_[*stub.relocation];
  }
  const auto found = std::ranges::lower_bound(slots_, stub.slot, {}, &Slot::svma);
  if (found == slots_.end() || found->svma != stub.slot) return std::nullopt;
  return found->symbol;
}

Status PltFunctions::Reader::AddStubs(const ElfSection& section, std::vector<Entry>& entries) {
  const ElfSection* symbols = FindSection(sections_, ".dynsym");
  if (symbols == nullptr) return Ok();
  std::vector<uint8_t> code(std::min(section.size, kMaxStubBytes));
  const auto read = file_.ReadAt(std::as_writable_bytes(std::span(code)), section.file_offset);
  if (!read) return read.error();
  code.resize(*read);
  for (const PltStub& stub : Decode(code, section)) {
    const auto number = SymbolOf(stub);
    if (!number || *number >= symbols->size / sizeof(Elf64_Sym)) continue;
    Elf64_Sym symbol = {};
    const auto got = file_.ReadAt(std::as_writable_bytes(std::span(&symbol, 1)),
                                  symbols->file_offset + uint64_t{*number} * sizeof(symbol));
    if (!got) return got.error();
    if (*got == sizeof(symbol) && symbol.st_name != 0) {
      entries.push_back({stub.svma, stub.size, symbol.st_name});
    }
  }
  return Ok();
}

Status PltFunctions::Reader::Fill(PltFunctions& functions, size_t max_entries) {
  for (const bool in_order : {true, false}) {
    const auto read = ReadSlots(in_order ? ".rela.plt" : ".rela.dyn", in_order);
    if (!read) return read;
  }
  std::ranges::stable_sort(slots_, {}, &Slot::svma);
  for (const char* name : {".plt", ".plt.sec", ".plt.got"}) {
    const ElfSection* section = FindSection(sections_, name);
    if (section == nullptr || section->compressed) continue;
    const auto added = AddStubs(*section, functions.entries_);
    if (!added) return added;
  }
  auto& entries = functions.entries_;
  if (entries.size() > max_entries) return Error{E2BIG, ".plt: too many stubs"};
  std::ranges::stable_sort(entries, {}, &Entry::svma);
  entries.shrink_to_fit();
  return entries.empty() ? Status(Error{ENOENT, "no stubs"}) : Ok();
}

Result<PltFunctions> PltFunctions::Read(const TargetFile& file,
                                        const std::vector<ElfSection>& sections, size_t max_bytes) {
  const ElfSection* names = FindSection(sections, ".dynstr");
  if (names == nullptr) return Error{ENOENT, "no .dynstr"};
  PltFunctions functions;
  functions.names_ = {names->file_offset, names->size};
  const auto filled = Reader(file, sections).Fill(functions, max_bytes / sizeof(Entry));
  if (!filled) return filled.error();
  return functions;
}

std::optional<FunctionSource::Match> PltFunctions::Find(uint64_t svma) const {
  const auto after = std::ranges::upper_bound(entries_, svma, {}, &Entry::svma);
  if (after == entries_.begin()) return std::nullopt;
  const auto& entry = *std::prev(after);
  if (svma - entry.svma >= entry.size) return std::nullopt;
  return Match{static_cast<uint32_t>(std::prev(after) - entries_.begin()),
               static_cast<uint32_t>(svma - entry.svma)};
}

std::string PltFunctions::NameOf(uint32_t function, const ImageFiles& files) const {
  if (function >= entries_.size()) return {};
  const std::string name = names_.NameAt(files.image, entries_[function].name);
  return name.empty() ? name : name + "@plt";
}

size_t PltFunctions::bytes() const { return sizeof(*this) + entries_.capacity() * sizeof(Entry); }

std::vector<std::span<const std::byte>> PltFunctions::Content() const {
  return {std::as_bytes(std::span(&names_, 1)), std::as_bytes(std::span(entries_))};
}

}  // namespace sonde
