#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/symbols/kernel_image.h"
#include "core/symbols/kernel_symbols.h"
#include "core/symbols/module_functions.h"
#include "core/symbols/naming.h"
#include "core/symbols/recorded_files.h"
#include "core/symbols/recorded_kernel.h"

namespace sonde {

/// Names addresses of a kernel that was recorded at another time, perhaps elsewhere. Thread-safe.
///
/// Its own functions are named by the first of: the vmlinux and the list of symbols that somebody named, a vmlinux of its
/// build id where distributions put them, and the list that perf kept of it. The kernel moves as a whole between boots, and so
/// do these names. Modules lie elsewhere after each boot: lists name them where they were copied in the same boot, files
/// with the recorded build id always.
class RecordedKernelNamer {
 public:
  struct Named {
    std::string vmlinux = {};   ///< empty: none
    std::string kallsyms = {};  ///< empty: none
  };
  RecordedKernelNamer(Named named, RecordedPlaces places)
      : named_(std::move(named)), files_(std::move(places)) {}

  /// One kernel per object: that of the first call decides what is read. A problem is what somebody named in vain.
  NameResult Name(const RecordedKernel& kernel, std::span<const uint64_t> addresses);

  size_t bytes() const;

 private:
  struct Function {
    std::string name;
    uint64_t start;  ///< avma
  };

  void Choose(const RecordedKernel& kernel);
  void ChooseNamed(const RecordedKernel& kernel);
  void ChooseFound(const RecordedKernel& kernel);
  Status TakeImage(const TargetFile& file, const RecordedKernel& kernel);
  Status TakeList(const std::string& path, const RecordedKernel& kernel);

  std::optional<Function> Find(const RecordedKernel& kernel, uint64_t avma);
  std::optional<Function> FindOwn(uint64_t avma, uint64_t recorded_text) const;
  std::optional<Function> FindInModule(const RecordedModule& module, uint64_t avma, bool same_boot);
  const ModuleFunctions* FunctionsOf(const RecordedModule& module);

  const Named named_;
  const RecordedFiles files_;
  mutable std::mutex mutex_;
  std::optional<KernelImage> image_;
  std::optional<KernelSymbols> list_;
  /// By name; nothing where the file is not to be had.
  std::map<std::string, std::optional<ModuleFunctions>> modules_;
  /// What somebody named and is not the recorded kernel's.
  std::string problem_;
  /// What could not be checked.
  std::string note_;
};

}  // namespace sonde
