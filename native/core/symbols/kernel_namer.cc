#include "core/symbols/kernel_namer.h"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <unordered_map>

namespace sonde {
namespace {

/// Each module by its name, and by the inode of its directory: another one when it is loaded again. Its address would tell,
/// too, but not whom CAP_SYSLOG lacks; the other columns change all the time.
std::string LoadedModules(const std::string& path, const std::string& directories) {
  std::ifstream lines(path);
  std::string modules;
  for (std::string line; std::getline(lines, line);) {
    const std::string name = line.substr(0, line.find(' '));
    struct stat status = {};
    const bool known = stat((directories + "/" + name).c_str(), &status) == 0;
    modules += name + ' ' + std::to_string(known ? status.st_ino : 0) + '\n';
  }
  return modules;
}

}  // namespace

NameResult KernelNamer::Name(std::span<const uint64_t> addresses, uint64_t recorded_text,
                             bool code_changed) {
  const std::lock_guard lock(mutex_);
  const auto fresh = Refresh(addresses, code_changed);
  if (!symbols_) return NameResult::None(addresses.size(), Explain(fresh.error()));
  NameResult result = NameResult::None(addresses.size(), "");
  if (!fresh) result.AddNote("what was loaded later has no names: " + Explain(fresh.error()));
  std::unordered_map<uint64_t, uint32_t> known;  // start → what stands in `name`
  for (size_t i = 0; i < addresses.size(); i++) {
    const uint64_t avma = Here(addresses[i], recorded_text);
    // Another module may be where one was.
    if (!fresh && !IsOwnCode(avma)) continue;
    const auto match = symbols_->Find(avma);
    if (!match) continue;
    const auto [entry, is_new] = known.try_emplace(match->start, 0);
    const std::string name(match->name);
    if (is_new) entry->second = result.Add(name, name);
    result.name[i] = entry->second;
    result.offset[i] = static_cast<uint32_t>(std::min<uint64_t>(avma - match->start, UINT32_MAX));
  }
  return result;
}

size_t KernelNamer::bytes() const {
  const std::lock_guard lock(mutex_);
  return symbols_ ? symbols_->bytes() : 0;
}

Status KernelNamer::Refresh(std::span<const uint64_t> addresses, bool code_changed) {
  std::string modules = LoadedModules(paths_.modules, paths_.module_directories);
  stale_ = stale_ || code_changed;
  const auto own = [this](uint64_t avma) { return IsOwnCode(avma); };
  const bool good = symbols_ && modules == modules_;
  if (good && (!stale_ || std::ranges::all_of(addresses, own))) return Ok();
  auto read = KernelSymbols::Read(paths_.kallsyms);
  if (!read) return read.error();
  symbols_ = std::move(*read);
  modules_ = std::move(modules);
  stale_ = false;
  return Ok();
}

/// In what was linked with the kernel: it stays as it is.
bool KernelNamer::IsOwnCode(uint64_t avma) const {
  return avma - symbols_->text() < symbols_->text_end() - symbols_->text();
}

/// The address in this boot; 0 where it cannot be known.
uint64_t KernelNamer::Here(uint64_t avma, uint64_t recorded_text) const {
  if (recorded_text == 0) return avma;
  const uint64_t text_bytes = symbols_->text_end() - symbols_->text();
  if (symbols_->text() == 0 || avma - recorded_text >= text_bytes) return 0;
  return avma - recorded_text + symbols_->text();
}

}  // namespace sonde
