#include "core/symbols/recorded_kernel.h"

#include "core/base/hexadecimal.h"

namespace sonde {

const RecordedModule* RecordedKernel::ModuleAt(uint64_t avma) const {
  for (const RecordedModule& module : modules) {
    if (avma - module.start < module.size) return &module;
  }
  return nullptr;
}

std::string RecordedKernel::Text() const {
  const std::string id =
      build_id.empty() ? "of unknown build id" : "build id " + Hexadecimal(build_id);
  return release.empty() ? id : release + " (" + id + ")";
}

LayoutVerdict CompareLayout(const RecordedKernel& kernel, const KernelMarks& marks) {
  if (kernel.text == 0 || marks.text == 0) return LayoutVerdict::kOther;
  const uint64_t bytes = kernel.text_end - kernel.text;
  for (const uint64_t mark : {marks.text_end, marks.data_end, marks.end}) {
    if (mark != 0 && mark - marks.text == bytes) return LayoutVerdict::kSame;
  }
  // perf before Linux 5.1 lets the kernel's map end where the first module begins, or nowhere.
  if (kernel.text_end <= kernel.text || kernel.text_end >= UINT64_MAX - 4096) {
    return LayoutVerdict::kUnknown;
  }
  for (const RecordedModule& module : kernel.modules) {
    if (module.start == kernel.text_end) return LayoutVerdict::kUnknown;
  }
  return LayoutVerdict::kOther;
}

}  // namespace sonde
