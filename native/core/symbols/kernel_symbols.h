#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/symbols/kallsyms.h"

namespace sonde {

/// Addresses that the linker marked in a kernel; 0 where it is not said.
struct KernelMarks {
  uint64_t text = 0;      ///< _text
  uint64_t text_end = 0;  ///< _etext
  uint64_t data_end = 0;  ///< _edata
  uint64_t end = 0;       ///< _end
};

/// Takes over what a symbol of the kernel itself marks, if it does.
void LearnMark(std::string_view name, uint64_t avma, KernelMarks& marks);

/// The functions of the running kernel, its modules and its BPF programs by address: /proc/kallsyms in 16 bytes each,
/// and the names. Kallsyms states no sizes: a function ends where the next symbol of any kind begins, and the last of a
/// module at the end of the page after the one it begins in. Behind _etext there is no code of the kernel itself.
class KernelSymbols {
 public:
  struct Match {
    std::string_view name;
    uint64_t start;
    std::string_view module;  ///< empty: the kernel itself
  };

  /// Errors: EACCES where every address is 0, with what to do; EINVAL where nothing is a line of kallsyms, E2BIG.
  static Result<KernelSymbols> Read(const std::string& path = "/proc/kallsyms");

  /// Valid as long as this object.
  std::optional<Match> Find(uint64_t avma) const;

  /// Where the first function of a module lies; 0 where there is none.
  uint64_t FirstFunctionOf(std::string_view module) const;

  uint64_t text() const { return marks_.text; }
  uint64_t text_end() const { return marks_.text_end; }
  const KernelMarks& marks() const { return marks_; }
  size_t size() const { return entries_.size(); }
  size_t bytes() const { return entries_.capacity() * sizeof(Entry) + names_.capacity(); }

 private:
  struct Entry {
    uint64_t avma;
    uint32_t name;    ///< offset in names_
    uint16_t module;  ///< 0: the kernel itself
    uint8_t
        rank;  ///< which of several names of one address to take: the higher; 0: no function begins here
    uint8_t underscores;
  };

  void Add(const KallsymsLine& line);
  void Sort();
  uint16_t ModuleIndex(std::string_view module);
  uint64_t EndOf(size_t index) const;
  std::string_view NameAt(uint32_t offset) const { return names_.data() + offset; }

  std::vector<Entry> entries_;  ///< by avma, each address once
  std::string names_;           ///< NUL-terminated, each
  std::vector<std::string> modules_;
  KernelMarks marks_;
};

}  // namespace sonde
