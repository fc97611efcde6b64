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
/// modules have come or gone. Thread-safe.
class KernelNamer {
 public:
  struct Paths {
    std::string kallsyms = "/proc/kallsyms";
    std::string modules = "/proc/modules";
  };
  KernelNamer() : KernelNamer(Paths()) {}
  explicit KernelNamer(Paths paths) : paths_(std::move(paths)) {}

  /// `recorded_text`: the address of _text when the addresses were taken, 0 for this boot. Only the kernel itself moves
  /// as a whole between boots, so only its own functions are named then.
  NameResult Name(std::span<const uint64_t> addresses, uint64_t recorded_text);

  size_t bytes() const;

 private:
  Status Refresh();
  uint64_t Here(uint64_t avma, uint64_t recorded_text) const;

  const Paths paths_;
  mutable std::mutex mutex_;
  std::optional<KernelSymbols> symbols_;
  std::string modules_;  ///< as they were when symbols_ was read
};

}  // namespace sonde
