#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/perf/code_library.h"
#include "core/recorded/recorded_spaces.h"
#include "core/symbols/expendable_thread.h"
#include "core/symbols/recorded_files.h"
#include "core/unwind/unwinder.h"

namespace sonde {

/// The code of a recording's processes, by the rows of the files that were recorded. A file that is on this machine under the
/// same name and is another one has none for it.
class RecordedCode final : public CodeMap, private ImageLoader {
 public:
  struct Sources {
    RecordedPlaces places = {};
    /// The kernel that was recorded is the one that runs here: it gave its processes the vdso that it gives ours.
    bool same_kernel = false;
  };

  RecordedCode(const Architecture& architecture, const RecordedSpaces& spaces, Sources sources);

  /// From now on it is about the code of `pid`. Rules that were given out are no longer valid.
  void Enter(uint32_t pid);
  Code At(uint64_t address) override;
  std::optional<CfiRow> RulesAt(uint64_t address) override;
  /// Reads the files that answers were pending for. False where there are none.
  bool ReadWanted();
  /// What Code::name stands for.
  const std::string& NameOf(uint32_t name) { return library_.names().names()[name]; }

 private:
  /// A file that is not here. Its image is kept, so that no other has its address.
  struct Absent {
    ImagePtr image;
    uint32_t name = 0;
  };

  void LoadImage(const ImagePtr& image, uint32_t pid) override;
  void Read(const ImagePtr& image);
  Result<UnwindTablesPtr> ReadTables(const Image& image);
  const MappedRange* FileAt(uint64_t address) const;
  CodeLibrary::Asker Asker() { return {.pid = pid_, .allowance = allowance_, .now = now_}; }

  const Architecture& architecture_;
  const RecordedSpaces& spaces_;
  const bool same_kernel_;
  const std::shared_ptr<const RecordedFiles> files_;
  CodeLibrary library_;
  const uint32_t generated_name_;
  RowAllowance allowance_;
  ExpendableThread thread_;
  std::vector<ImagePtr> wanted_;
  std::unordered_map<const Image*, Absent> absent_;
  uint32_t pid_ = 0;
  uint64_t now_ = 0;
};

}  // namespace sonde
