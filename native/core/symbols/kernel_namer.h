#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>

#include "core/symbols/kernel_symbols.h"
#include "core/symbols/naming.h"

namespace sonde {

/// Names addresses of the running kernel. Kallsyms is read when the first name is wanted (about 100 ms), and again when
/// modules have come or gone, or code that was made at run time where such code is asked for; where that is not permitted any
/// more, the kernel's own functions keep their names. Thread-safe.
class KernelNamer {
 public:
  struct Paths {
    std::string kallsyms = "/proc/kallsyms";
    std::string modules = "/proc/modules";
    std::string module_directories = "/sys/module";
  };
  KernelNamer() : KernelNamer(Paths()) {}
  explicit KernelNamer(Paths paths) : paths_(std::move(paths)) {}

  /// `recorded_text`: the address of _text when the addresses were taken, 0 for this boot. Only the kernel itself moves
  /// as a whole between boots, so only its own functions are named then. `code_changed`: code that the kernel makes at run
  /// time may have come or gone since the last call.
  NameResult Name(std::span<const uint64_t> addresses, uint64_t recorded_text, bool code_changed);

  size_t bytes() const;

 private:
  Status Refresh(std::span<const uint64_t> addresses, bool code_changed);
  bool IsOwnCode(uint64_t avma) const;
  uint64_t Here(uint64_t avma, uint64_t recorded_text) const;

  const Paths paths_;
  mutable std::mutex mutex_;
  std::optional<KernelSymbols> symbols_;
  std::string modules_;  ///< as they were when symbols_ was read
  /// Code was made or taken back since symbols_ was read.
  bool stale_ = false;
};

}  // namespace sonde
