#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/base/result.h"
#include "core/symbols/elf_sections.h"
#include "core/symbols/target_file.h"
#include "core/unwind/go_pc_values.h"
#include "core/unwind/svma_range.h"

namespace sonde {

/// What unwinding needs of a Go program's function table, .gopclntab (cmd/link/internal/ld/pcln.go, runtime/symtab.go):
/// 12 to 25 bytes for each function. Immutable.
class GoTable {
 public:
  /// Reads the tables of Go 1.2 and later, of 64-bit little-endian machines, with or without symbols. Bounded, whatever
  /// the file says. Error: ENOENT where there is none, ENOEXEC where it is damaged, E2BIG above 1 Mi functions or 64 MiB.
  static Result<GoTable> Read(const TargetFile& file, const std::vector<ElfSection>& sections);

  /// Where a stack begins: of a goroutine (runtime.goexit), of a thread (runtime.mstart, runtime.rt0_go), and of the
  /// thread's stack after it has left a goroutine's for good (the call that runtime.mcall or runtime.morestack makes).
  /// Not the signal handler's, which leads on to what it interrupted.
  const std::vector<SvmaRange>& entries() const { return entries_; }

  /// The address that a signal handler returns to, where the runtime says which: what lies above on the stack is the
  /// kernel's ucontext. Its frame is that of no call.
  std::optional<uint64_t> signal_return() const { return signal_return_; }

  /// Bytes between the stack pointer and the return address when the instruction at `svma` is about to run. aarch64 has
  /// the return address at the bottom of the frame: there it is the frame's size, 0 where the link register still has
  /// the address. Nothing where the table does not say, in `entries`, and in functions that go to another stack: those
  /// keep the frame pointer of the stack they come from.
  std::optional<uint32_t> StackBytes(uint64_t svma) const;

  /// Inside a function of Go's own: C code that Go's linker has put into the table is not.
  bool Covers(uint64_t svma) const;

  size_t functions() const { return values_.size(); }
  /// Memory that it holds.
  size_t bytes() const;

 private:
  friend class GoTableBuilder;

  /// As a place in `stack_bytes_`: the table has nothing about the function; what it has does not hold.
  static constexpr uint32_t kForeign = UINT32_MAX;
  static constexpr uint32_t kUnsaid = UINT32_MAX - 1;

  /// Number of the function that covers an address.
  std::optional<size_t> FunctionAt(uint64_t svma) const;
  /// Only where there is a place.
  GoPcValues ValuesOf(size_t function) const;

  uint64_t base_ = 0;
  uint32_t quantum_ = 1;
  /// From `base_`, ascending, and the end of the last. A function ends where the next begins.
  std::vector<uint32_t> starts_;
  /// Of each function, the place in `stack_bytes_`.
  std::vector<uint32_t> values_;
  /// The sequences that GoPcValues reads, each once.
  std::vector<uint8_t> stack_bytes_;
  std::vector<SvmaRange> entries_;
  std::optional<uint64_t> signal_return_;
};

}  // namespace sonde
