#include "core/symbols/kernel_image.h"

#include <elf.h>

#include <cstring>
#include <span>
#include <string_view>

#include "core/symbols/elf_sections.h"
#include "core/symbols/inflate.h"

namespace sonde {
namespace {

/// Of functions and names. A kernel that has everything built in has 30 MiB of both.
constexpr size_t kMaxImageBytes = 128 << 20;
constexpr size_t kMaxSymbolSectionBytes = 64 << 20;

/// The text at `offset`, up to its end.
std::string_view SymbolName(std::span<const std::byte> names, uint32_t offset) {
  if (offset >= names.size()) return {};
  const auto* text = reinterpret_cast<const char*>(names.data()) + offset;
  return {text, strnlen(text, names.size() - offset)};
}

/// The linker's marks lie outside of functions, so that no table of functions has them.
Result<KernelMarks> MarksOf(const TargetFile& file, const ElfHeaders& headers) {
  const auto sections = ReadElfSections(file, headers);
  if (!sections) return sections.error();
  const ElfSection* table = FindSection(*sections, ".symtab");
  const ElfSection* strings = FindSection(*sections, ".strtab");
  if (table == nullptr || strings == nullptr) return Error{ENOEXEC, "it has no symbols (stripped)"};
  const auto symbols = ReadSection(file, *table, headers.is_64_bit, kMaxSymbolSectionBytes);
  if (!symbols) return symbols.error();
  const auto names = ReadSection(file, *strings, headers.is_64_bit, kMaxSymbolSectionBytes);
  if (!names) return names.error();
  KernelMarks marks;
  for (size_t at = 0; at + sizeof(Elf64_Sym) <= symbols->size(); at += sizeof(Elf64_Sym)) {
    Elf64_Sym symbol;
    std::memcpy(&symbol, symbols->data() + at, sizeof(symbol));
    const std::string_view name = SymbolName(*names, symbol.st_name);
    if (name.starts_with('_')) LearnMark(name, symbol.st_value, marks);
  }
  return marks;
}

}  // namespace

Result<KernelImage> KernelImage::Read(const TargetFile& file) {
  auto headers = ElfHeaders::Read(file);
  if (!headers) return headers.error();
  if (!headers->is_64_bit) return Error{ENOEXEC, "it is a 32-bit kernel"};
  const auto marks = MarksOf(file, *headers);
  if (!marks) return marks.error();
  auto table =
      SymbolTable::Read({.symbols = &file, .exports = nullptr, .keep_names = true}, kMaxImageBytes);
  if (!table) return table.error();
  return KernelImage(std::move(*table), *marks, std::move(headers->build_id));
}

std::optional<KernelImage::Match> KernelImage::Find(uint64_t svma) const {
  const auto match = table_.Find(svma);
  if (!match) return std::nullopt;
  return Match{match->symbol, match->offset};
}

std::string KernelImage::NameOf(const Match& match) const {
  return table_.KeptNameOf(match.symbol);
}

}  // namespace sonde
