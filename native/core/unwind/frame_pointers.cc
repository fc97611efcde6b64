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

size_t Count(std::string_view code, std::string_view prologue) {
  size_t count = 0;
  for (size_t at = code.find(prologue); at != code.npos; at = code.find(prologue, at + 4)) count++;
  return count;
}

}  // namespace

bool SetsUpFramePointers(const TargetFile& file, const ElfHeaders& headers,
                         const Architecture& architecture) {
  const std::string_view prologue = architecture.has_link_register ? kArmPrologue : kX86Prologue;
  std::vector<char> piece(kPieceBytes);
  size_t bytes = 0;
  size_t prologues = 0;
  for (const LoadSegment& segment : headers.loads) {
    if (!segment.executable) continue;
    const uint64_t stride = std::max<uint64_t>(segment.file_size / kPieces, kPieceBytes);
    for (uint64_t i = 0; i < kPieces && i * stride < segment.file_size; i++) {
      const size_t size = std::min<uint64_t>(kPieceBytes, segment.file_size - i * stride);
      const auto read = file.ReadAt(std::as_writable_bytes(std::span(piece).first(size)),
                                    segment.file_offset + i * stride);
      if (!read) return false;
      bytes += *read;
      prologues += Count({piece.data(), *read}, prologue);
    }
  }
  return prologues > 0 && prologues * kBytesPerFunction >= bytes;
}

}  // namespace sonde
