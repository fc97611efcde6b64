#include "core/symbols/kernel_symbols.h"

#include <algorithm>

namespace sonde {
namespace {

constexpr uint64_t kPage = 4096;
/// Lines looked at before all addresses are taken to be hidden. Per-CPU symbols may begin at 0.
constexpr int kMaxZeros = 1000;
constexpr char kRunning[] = "/proc/kallsyms";
constexpr char kHidden[] =
    "/proc/kallsyms hides the addresses of kernel functions: grant CAP_SYSLOG and set "
    "kernel.kptr_restrict to 0 or 1";
constexpr char kCopiedHidden[] =
    ": every address is 0, as the kernel hides them: copy /proc/kallsyms again with CAP_SYSLOG and "
    "kernel.kptr_restrict 0 or 1";
/// A kernel that has everything built in has 200,000.
constexpr size_t kMaxKernelSymbols = 4 << 20;

/// The linker's marks of where code begins and ends look like functions.
bool IsMark(std::string_view name) {
  if (name.starts_with("__pi_")) name.remove_prefix(5);
  for (const std::string_view mark : {"_text", "_stext", "_etext", "_sinittext", "_einittext"}) {
    if (name == mark) return true;
  }
  return name.starts_with("__") && (name.ends_with("_text_start") || name.ends_with("_text_end"));
}

/// The kernel's functions by their letters in kallsyms, better names of one address higher; 0 for anything else.
uint8_t RankOf(char type) {
  switch (type) {
    case 'T':
      return 3;
    case 't':
      return 2;
    case 'W':
    case 'w':
      return 1;
    default:
      return 0;
  }
}

}  // namespace

void LearnMark(std::string_view name, uint64_t avma, KernelMarks& marks) {
  if (name == "_text") marks.text = avma;
  if (name == "_etext") marks.text_end = avma;
  if (name == "_edata") marks.data_end = avma;
  if (name == "_end") marks.end = avma;
}

Result<KernelSymbols> KernelSymbols::Read(const std::string& path) {
  KernelSymbols symbols;
  int zeros = 0;
  const auto read = ReadKallsyms(path, [&](const KallsymsLine& line) {
    if (line.avma != 0) symbols.Add(line);
    if (symbols.entries_.size() > kMaxKernelSymbols) return false;
    return line.avma != 0 || !symbols.entries_.empty() || ++zeros < kMaxZeros;
  });
  if (!read) return read.error();
  if (symbols.entries_.size() > kMaxKernelSymbols) return Error{E2BIG, path + ": too many symbols"};
  if (symbols.entries_.empty() && zeros == 0) {
    return Error{
        EINVAL,
        path + ": is no copy of /proc/kallsyms: it has no line like `ffffffff81000000 T _text`"};
  }
  if (symbols.entries_.empty()) {
    return Error{EACCES, path == kRunning ? kHidden : path + kCopiedHidden};
  }
  symbols.Sort();
  return symbols;
}

void KernelSymbols::Add(const KallsymsLine& line) {
  if (line.name.empty() || names_.size() > UINT32_MAX - line.name.size() - 1) return;
  if (line.module.empty()) LearnMark(line.name, line.avma, marks_);
  const auto rank = IsMark(line.name) ? uint8_t{0} : RankOf(line.type);
  const size_t underscores = std::min(line.name.find_first_not_of('_'), size_t{255});
  entries_.push_back({line.avma, static_cast<uint32_t>(names_.size()), ModuleIndex(line.module),
                      rank, static_cast<uint8_t>(underscores)});
  if (rank != 0) names_.append(line.name).push_back('\0');
}

uint16_t KernelSymbols::ModuleIndex(std::string_view module) {
  if (module.empty()) return 0;
  // Lines of one module follow each other.
  if (modules_.empty() || modules_.back() != module) modules_.emplace_back(module);
  return static_cast<uint16_t>(std::min<size_t>(modules_.size(), UINT16_MAX));
}

void KernelSymbols::Sort() {
  const auto better = [this](const Entry& a, const Entry& b) {
    if (a.rank != b.rank || a.rank == 0) return a.rank > b.rank;
    if (a.underscores != b.underscores) return a.underscores < b.underscores;
    return NameAt(a.name).size() > NameAt(b.name).size();
  };
  std::stable_sort(entries_.begin(), entries_.end(), [&](const Entry& a, const Entry& b) {
    return a.avma != b.avma ? a.avma < b.avma : better(a, b);
  });
  const auto same = [](const Entry& a, const Entry& b) { return a.avma == b.avma; };
  entries_.erase(std::unique(entries_.begin(), entries_.end(), same), entries_.end());
  entries_.shrink_to_fit();
  names_.shrink_to_fit();
}

uint64_t KernelSymbols::EndOf(size_t index) const {
  const Entry& entry = entries_[index];
  const uint64_t page_after = (entry.avma / kPage + 2) * kPage;
  if (index + 1 == entries_.size()) return page_after;
  const Entry& next = entries_[index + 1];
  return next.module == entry.module ? next.avma : std::min(next.avma, page_after);
}

std::optional<KernelSymbols::Match> KernelSymbols::Find(uint64_t avma) const {
  const auto after =
      std::upper_bound(entries_.begin(), entries_.end(), avma,
                       [](uint64_t at, const Entry& entry) { return at < entry.avma; });
  if (after == entries_.begin()) return std::nullopt;
  const auto index = static_cast<size_t>(after - entries_.begin() - 1);
  const Entry& entry = entries_[index];
  if (entry.rank == 0 || avma >= EndOf(index)) return std::nullopt;
  const std::string_view module =
      entry.module == 0 ? std::string_view() : modules_[entry.module - 1];
  return Match{NameAt(entry.name), entry.avma, module};
}

uint64_t KernelSymbols::FirstFunctionOf(std::string_view module) const {
  const auto first = std::ranges::find_if(entries_, [&](const Entry& entry) {
    return entry.module != 0 && entry.rank != 0 && modules_[entry.module - 1] == module;
  });
  return first == entries_.end() ? 0 : first->avma;
}

}  // namespace sonde
