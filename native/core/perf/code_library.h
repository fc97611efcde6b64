#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/perf/image.h"
#include "core/perf/unwind_loader.h"
#include "core/unwind/row_cache.h"
#include "core/unwind/unwinder.h"

namespace sonde {

/// Names for the reasons that stacks end with; 0 is ''.
class NameList {
 public:
  NameList() : names_{""} {}
  uint32_t Add(const std::string& name);
  const std::vector<std::string>& names() const { return names_; }

 private:
  std::unordered_map<std::string, uint32_t> numbers_;
  std::vector<std::string> names_;
};

/// The rows of the files that processes have mapped. Files with the same content share theirs, whoever maps them. What
/// was not needed for longest goes when there is too much. Owned by one thread.
class CodeLibrary {
 public:
  CodeLibrary(UnwindLoader& loader, size_t max_bytes) : loader_(loader), max_bytes_(max_bytes) {}

  /// What to do at `address` of a mapping of a file or of the vdso. `now`: CLOCK_MONOTONIC.
  Code At(const MappedRange& range, uint64_t address, uint32_t pid, uint64_t now);
  void Add(UnwindLoader::LoadedImage loaded, uint64_t now);

  /// Grows when something was forgotten: rules that were given out are no longer valid then.
  uint64_t generation() const { return generation_; }
  NameList& names() { return names_; }
  size_t bytes() const;

 private:
  /// Rows of one content.
  struct Rows {
    UnwindTablesPtr tables;
    RowCache cache = {};
    uint64_t used_at = 0;
    uint64_t known_since = 0;
    /// CPU time that making rows has taken.
    uint64_t making = 0;
  };
  struct Entry {
    enum class State : uint8_t { kWanted, kAsked, kKnown, kUnreadable, kLate };
    ImagePtr image;
    State state = State::kWanted;
    uint32_t name = 0;
    int failures = 0;
    uint64_t try_again_at = 0;
    std::shared_ptr<Rows> rows = {};
  };

  Entry& EntryOf(const ImagePtr& image);
  void Ask(Entry& entry, uint32_t pid);
  Code InRows(Entry& entry, const MappedRange& range, uint64_t address, uint64_t now);
  const RowCache::Known& KnownAt(Rows& rows, uint64_t svma, uint64_t now);
  void MakeRoom(uint64_t now);
  void ForgetUnused();

  UnwindLoader& loader_;
  const size_t max_bytes_;
  uint64_t generation_ = 0;
  NameList names_;
  std::unordered_map<const Image*, Entry> entries_;
  std::unordered_map<const UnwindTables*, std::weak_ptr<Rows>> rows_;
};

}  // namespace sonde
