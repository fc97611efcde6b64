#include "core/unwind/go_text.h"

#include <elf.h>

#include <array>
#include <optional>

namespace sonde {
namespace {

/// The start of moduledata, the same since Go 1.16: pcHeader, six slices, findfunctab, minpc, maxpc, text.
constexpr size_t kModuleWords = 23;
constexpr size_t kModuleFirst = 20;
using ModuleWords = std::array<uint64_t, kModuleWords>;

/// Of one section that is looked through.
constexpr uint64_t kMaxSearched = 128 << 20;
/// Of places that refer to the table. One does in every program seen.
constexpr size_t kMaxTableReferences = 64;
/// Between the last function and the end of .text.
constexpr uint64_t kTextPadding = 64;

class GoTextSearch {
 public:
  GoTextSearch(const TargetFile& file, const std::vector<ElfSection>& sections,
               const GoHeader& header)
      : file_(file), sections_(sections), header_(header) {}

  Result<uint64_t> Run();

 private:
  bool ReadBounds();
  bool Fits(uint64_t text) const;
  std::optional<uint64_t> TextOf(const ModuleWords& words) const;
  std::optional<uint64_t> InData(const ElfSection& section) const;
  std::optional<uint64_t> InRelocations(const ElfSection& section) const;
  std::vector<uint64_t> References(const ElfSection& section) const;
  std::optional<uint64_t> AloneInText() const;

  template <typename Visit>
  void EachRelocation(const ElfSection& section, Visit&& visit) const;

  const TargetFile& file_;
  const std::vector<ElfSection>& sections_;
  const GoHeader& header_;
  /// Of the first function, and behind the last, from runtime.text.
  uint32_t first_ = 0;
  uint32_t end_ = 0;
};

bool GoTextSearch::ReadBounds() {
  FileWindow window(file_, header_.records);
  const auto first = window.Read<uint32_t>(header_.index);
  const auto end = window.Read<uint32_t>(header_.index + uint64_t{header_.functions} * 8);
  if (!first || !end || *first >= *end) return false;
  first_ = *first;
  end_ = *end;
  return true;
}

/// Whether the functions lie in .text if runtime.text is there.
bool GoTextSearch::Fits(uint64_t text) const {
  const ElfSection* code = FindSection(sections_, ".text");
  return code != nullptr && text >= code->svma && text - code->svma <= code->size &&
         end_ <= code->size - (text - code->svma);
}

std::optional<uint64_t> GoTextSearch::TextOf(const ModuleWords& words) const {
  const uint64_t text = words[kModuleFirst + 2];
  const bool agrees =
      words[kModuleFirst] == text + first_ && words[kModuleFirst + 1] == text + end_;
  return agrees && Fits(text) ? std::optional(text) : std::nullopt;
}

/// In the bytes of the file: programs that are not relocated, and those whose linker fills in what the loader adds to.
std::optional<uint64_t> GoTextSearch::InData(const ElfSection& section) const {
  FileWindow window(file_, {section.file_offset, std::min(section.size, kMaxSearched)});
  size_t references = 0;
  for (uint64_t at = -section.svma & 7; references < kMaxTableReferences; at += 8) {
    const auto word = window.Read<uint64_t>(at);
    if (!word) break;
    if (*word != header_.svma) continue;
    references++;
    ModuleWords words = {};
    const auto bytes = window.From(at, sizeof(words));
    if (bytes.size() < sizeof(words)) break;
    std::memcpy(words.data(), bytes.data(), sizeof(words));
    const auto text = TextOf(words);
    if (text) return text;
  }
  return std::nullopt;
}

/// Those that add the load address to a constant.
template <typename Visit>
void GoTextSearch::EachRelocation(const ElfSection& section, Visit&& visit) const {
  FileWindow window(file_, {section.file_offset, std::min(section.size, kMaxSearched)});
  for (uint64_t at = 0;; at += sizeof(Elf64_Rela)) {
    const auto relocation = window.Read<Elf64_Rela>(at);
    if (!relocation) return;
    const uint64_t type = ELF64_R_TYPE(relocation->r_info);
    if (type != R_X86_64_RELATIVE && type != R_AARCH64_RELATIVE) continue;
    visit(relocation->r_offset, static_cast<uint64_t>(relocation->r_addend));
  }
}

/// Addresses where the loader puts that of the table.
std::vector<uint64_t> GoTextSearch::References(const ElfSection& section) const {
  std::vector<uint64_t> references;
  EachRelocation(section, [&](uint64_t svma, uint64_t value) {
    if (value == header_.svma && references.size() < kMaxTableReferences)
      references.push_back(svma);
  });
  return references;
}

std::optional<uint64_t> GoTextSearch::InRelocations(const ElfSection& section) const {
  const auto references = References(section);
  std::vector<ModuleWords> modules(references.size());
  if (references.empty()) return std::nullopt;
  EachRelocation(section, [&](uint64_t svma, uint64_t value) {
    for (size_t i = 0; i < references.size(); i++) {
      const uint64_t word = (svma - references[i]) / 8;
      if (svma >= references[i] && word < kModuleWords) modules[i][word] = value;
    }
  });
  for (const ModuleWords& words : modules) {
    const auto text = TextOf(words);
    if (text) return text;
  }
  return std::nullopt;
}

/// Without C code, Go's functions are all that .text holds.
std::optional<uint64_t> GoTextSearch::AloneInText() const {
  const ElfSection* code = FindSection(sections_, ".text");
  if (code == nullptr || !Fits(code->svma)) return std::nullopt;
  return code->size - end_ <= kTextPadding ? std::optional(code->svma) : std::nullopt;
}

Result<uint64_t> GoTextSearch::Run() {
  if (!ReadBounds()) return Error{ENOEXEC, ".gopclntab: no addresses"};
  if (header_.text_svma != 0 && Fits(header_.text_svma)) return header_.text_svma;
  // A section of its own since Go 1.26.
  for (const char* name : {".go.module", ".noptrdata", ".data", ".data.rel.ro"}) {
    const ElfSection* section = FindSection(sections_, name);
    const auto text = section != nullptr ? InData(*section) : std::nullopt;
    if (text) return *text;
  }
  for (const char* name : {".rela.dyn", ".rela"}) {
    const ElfSection* section = FindSection(sections_, name);
    const auto text = section != nullptr ? InRelocations(*section) : std::nullopt;
    if (text) return *text;
  }
  const auto alone = AloneInText();
  return alone ? Result<uint64_t>(*alone)
               : Error{ENOEXEC, ".gopclntab: relative to what, is not said"};
}

}  // namespace

Result<uint64_t> FindGoText(const TargetFile& file, const std::vector<ElfSection>& sections,
                            const GoHeader& header) {
  return GoTextSearch(file, sections, header).Run();
}

}  // namespace sonde
