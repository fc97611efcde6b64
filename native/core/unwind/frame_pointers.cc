#include "core/unwind/frame_pointers.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

namespace sonde {
namespace {

/// push %rbp; mov %rsp,%rbp
constexpr std::string_view kX86Prologue("\x55\x48\x89\xe5", 4);
/// mov x29, sp
constexpr std::string_view kArmPrologue("\xfd\x03\x00\x91", 4);

constexpr size_t kPieceBytes = 16 << 10;
constexpr uint64_t kPieces = 16;
/// Functions are a few hundred bytes long on average; libraries without frame pointers show less than one in 100 KB.
constexpr size_t kBytesPerFunction = 4096;
/// Alignment, and a landing pad for jumps, may stand before the first instruction.
constexpr uint64_t kBeginningBytes = 24;
constexpr size_t kSmallBytes = 64 << 10;
constexpr size_t kBytesPerSmallFunction = 512;

struct Tally {
  size_t bytes = 0;
  size_t prologues = 0;

  /// Small pieces of code are of few functions, and all of those should be seen.
  bool Keeps() const {
    const size_t per_function = bytes < kSmallBytes ? kBytesPerSmallFunction : kBytesPerFunction;
    return prologues > 0 && prologues * per_function >= bytes;
  }
};

size_t Count(std::string_view code, std::string_view prologue) {
  size_t count = 0;
  for (size_t at = code.find(prologue); at != code.npos; at = code.find(prologue, at + 4)) count++;
  return count;
}

/// Looks at pieces, spread evenly.
void CountIn(const TargetFile& file, const CodeRange& code, std::string_view prologue,
             Tally& tally) {
  std::vector<char> piece(kPieceBytes);
  const uint64_t stride = std::max<uint64_t>(code.size / kPieces, kPieceBytes);
  for (uint64_t i = 0; i < kPieces && i * stride < code.size; i++) {
    const size_t size = std::min<uint64_t>(kPieceBytes, code.size - i * stride);
    const auto read =
        file.ReadAt(std::as_writable_bytes(std::span(piece).first(size)), code.offset + i * stride);
    if (!read) return;
    tally.bytes += *read;
    tally.prologues += Count({piece.data(), *read}, prologue);
  }
}

std::string_view PrologueOf(const Architecture& architecture) {
  return architecture.has_link_register ? kArmPrologue : kX86Prologue;
}

}  // namespace

bool SetsUpFramePointers(const TargetFile& file, const CodeRange& code,
                         const Architecture& architecture) {
  Tally tally;
  CountIn(file, code, PrologueOf(architecture), tally);
  return tally.Keeps();
}

bool BeginsWithFramePointer(const TargetFile& file, const CodeRange& code,
                            const Architecture& architecture) {
  Tally tally;
  CountIn(file, {.offset = code.offset, .size = std::min(code.size, kBeginningBytes)},
          PrologueOf(architecture), tally);
  return tally.prologues > 0;
}

bool SetsUpFramePointers(const TargetFile& file, const ElfHeaders& headers,
                         const Architecture& architecture) {
  Tally tally;
  for (const LoadSegment& segment : headers.loads) {
    if (!segment.executable) continue;
    CountIn(file, {.offset = segment.file_offset, .size = segment.file_size},
            PrologueOf(architecture), tally);
  }
  return tally.Keeps();
}

}  // namespace sonde
