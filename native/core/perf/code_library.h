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

/// How much CPU time the making of rows may take: so much at once, and a share of the time that passes. Hostile files make
/// it as dear as they can.
struct RowAllowance {
  uint64_t at_once = 0;
  /// One part in so many.
  uint64_t share = 1;
  uint64_t since = 0;
  uint64_t used = 0;

  bool Exceeded(uint64_t now) const {
    return used > at_once + (now > since ? (now - since) / share : 0);
  }
};

/// The rows of the files that processes have mapped. Files with the same content share theirs, whoever maps them. What
/// was not needed for longest goes when there is too much. Owned by one thread.
class CodeLibrary {
 public:
  /// Who asks: a process, what its questions may cost, and CLOCK_MONOTONIC.
  struct Asker {
    uint32_t pid = 0;
    RowAllowance& allowance;
    uint64_t now = 0;
  };

  CodeLibrary(ImageLoader& loader, size_t max_bytes);

  /// What to do at `address` of a mapping of a file or of the vdso.
  Code At(const MappedRange& range, uint64_t address, const Asker& asker);
  /// What the row there says of every register; not remembered. Nothing where there is none, or it would cost too much.
  std::optional<CfiRow> RulesAt(const MappedRange& range, uint64_t address, const Asker& asker);
  /// Forgets rows where there are too many. Between two stacks: rules that were given out are no longer valid then.
  void Tidy(uint64_t now);
  void Add(LoadedImage loaded, uint64_t now);
  /// The V8 in an image; nullptr where it has none, or has not been read.
  V8ImagePtr V8Of(const Image& image) const;

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
  };
  struct Entry {
    enum class State : uint8_t { kWanted, kAsked, kKnown, kUnreadable, kLate };
    ImagePtr image;
    State state = State::kWanted;
    uint32_t name = 0;
    int failures = 0;
    uint64_t try_again_at = 0;
    std::shared_ptr<Rows> rows = {};
    V8ImagePtr v8 = {};
  };

  Entry& EntryOf(const ImagePtr& image);
  void Ask(Entry& entry, uint32_t pid);
  Code InRows(Entry& entry, const MappedRange& range, uint64_t address, const Asker& asker);
  /// Whether rows may not be made any more, for now.
  bool Exceeded(const Asker& asker) const;
  template <typename Work>
  auto AtCostOf(const Asker& asker, Work&& work);
  /// nullptr where it would cost too much.
  const RowCache::Known* KnownAt(Rows& rows, uint64_t svma, const Asker& asker);
  void MakeRoom(uint64_t now);
  void ForgetUnused();

  ImageLoader& loader_;
  const size_t max_bytes_;
  RowAllowance allowance_;
  /// Since room was last looked for.
  size_t rows_made_ = 0;
  size_t many_entries_;
  uint64_t generation_ = 0;
  NameList names_;
  std::unordered_map<const Image*, Entry> entries_;
  std::unordered_map<const UnwindTables*, std::weak_ptr<Rows>> rows_;
};

}  // namespace sonde
