#include "core/unwind/signal_frame.h"

#include <iterator>
#include <span>
#include <string>
#include <string_view>

namespace sonde {
namespace {

using Kind = RegisterRule::Kind;

/// One has two pages.
constexpr uint64_t kLargestVdso = 64 << 10;
/// mov x8, #139 (rt_sigreturn); svc #0
constexpr std::string_view kArmSignalReturn("\x68\x11\x80\xd2\x01\x00\x00\xd4", 8);

/// The instruction pointer of aarch64, which CFI has a number for but calls no register.
constexpr uint8_t kArmInstruction = 32;

/// arch/x86/include/uapi/asm/sigcontext.h, sigcontext_64: behind uc_flags, uc_link and uc_stack.
void AddX86(CfiRow& row) {
  constexpr int64_t kRegisters = 40;
  /// r8 … r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip
  constexpr uint8_t kNumbers[] = {8, 9, 10, 11, 12, 13, 14, 15, 5, 4, 6, 3, 1, 0, 2, 7, 16};
  for (size_t index = 0; index < std::size(kNumbers); index++) {
    row.rules[kNumbers[index]] = {Kind::kOffset, kRegisters + 8 * static_cast<int64_t>(index)};
  }
  row.return_address = 16;
}

/// arch/arm64/include/uapi/asm/{ucontext,sigcontext}.h: behind siginfo, the ucontext's head of 176 bytes and
/// fault_address; x0 … x30, sp, pc.
void AddArm(CfiRow& row) {
  constexpr int64_t kRegisters = 128 + 176 + 8;
  for (uint8_t number = 0; number <= kArmInstruction; number++) {
    row.rules[number] = {Kind::kOffset, kRegisters + 8 * int64_t{number}};
  }
  row.return_address = kArmInstruction;
}

}  // namespace

std::optional<uint64_t> FindSignalReturn(const TargetFile& file, const ElfHeaders& headers,
                                         const Architecture& architecture) {
  if (!architecture.has_link_register || file.size() > kLargestVdso) return std::nullopt;
  for (const LoadSegment& segment : headers.loads) {
    if (!segment.executable || segment.file_size > kLargestVdso) continue;
    std::string code(segment.file_size, '\0');
    const auto read = file.ReadAt(std::as_writable_bytes(std::span(code)), segment.file_offset);
    if (!read) continue;
    const size_t at = std::string_view(code).substr(0, *read).find(kArmSignalReturn);
    if (at != std::string::npos) return segment.svma + at;
  }
  return std::nullopt;
}

CfiRow SignalReturnRow(const Architecture& architecture) {
  CfiRow row{.cfa_register = architecture.stack_pointer, .signal_frame = true};
  if (architecture.has_link_register) {
    AddArm(row);
  } else {
    AddX86(row);
  }
  return row;
}

}  // namespace sonde
