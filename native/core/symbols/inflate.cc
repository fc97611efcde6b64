#include "core/symbols/inflate.h"

#include <elf.h>
#include <lzma.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <span>

namespace sonde {
namespace {

using Bytes = std::vector<std::byte>;

/// All presets of xz but the last.
constexpr uint64_t kMaxXzDecoder = 40 << 20;
/// All levels of zstd but the last three: 32 MiB.
constexpr int kMaxZstdWindowLog = 25;
/// Since glibc 2.36's elf.h.
constexpr uint32_t kCompressZstd = 2;
constexpr size_t kCompressedPiece = 64 << 10;

Error DamagedStream(const char* what) { return Error{ENOEXEC, std::string("damaged: ") + what}; }

/// Reads compressed bytes forwards.
class CompressedReader {
 public:
  CompressedReader(const TargetFile& file, uint64_t offset, uint64_t size)
      : file_(file), at_(offset), end_(offset + size), piece_(kCompressedPiece) {}

  /// The next piece; empty at the end, and where the file can no longer be read.
  std::span<std::byte> Next() {
    const auto into = std::span(piece_).first(std::min<uint64_t>(piece_.size(), end_ - at_));
    const auto read = file_.ReadAt(into, at_);
    at_ += read ? *read : 0;
    return into.first(read ? *read : 0);
  }

 private:
  const TargetFile& file_;
  uint64_t at_;
  const uint64_t end_;
  Bytes piece_;
};

/// What a compressed section says of itself.
struct CompressedHead {
  uint32_t type = 0;
  uint64_t size = 0;
  size_t bytes = 0;  ///< of the head
};

template <typename Head>
std::optional<CompressedHead> ReadHead(const TargetFile& file, const ElfSection& section) {
  Head head = {};
  if (section.size < sizeof(head)) return std::nullopt;
  const auto read = file.ReadAt(std::as_writable_bytes(std::span(&head, 1)), section.file_offset);
  if (!read || *read != sizeof(head)) return std::nullopt;
  return CompressedHead{head.ch_type, head.ch_size, sizeof(head)};
}

std::optional<CompressedHead> ReadOldHead(const TargetFile& file, const ElfSection& section) {
  std::array<uint8_t, 12> head = {};
  const auto read = file.ReadAt(std::as_writable_bytes(std::span(head)), section.file_offset);
  if (!read || *read != head.size() || section.size < head.size()) return std::nullopt;
  if (std::memcmp(head.data(), "ZLIB", 4) != 0) return std::nullopt;
  uint64_t size = 0;
  for (size_t i = 4; i < head.size(); i++) size = size << 8 | head[i];
  return CompressedHead{ELFCOMPRESS_ZLIB, size, head.size()};
}

Result<Bytes> InflateZlib(CompressedReader& reader, Bytes into) {
  z_stream stream = {};
  if (inflateInit(&stream) != Z_OK) return Error{ENOMEM, "zlib"};
  const std::unique_ptr<z_stream, int (*)(z_stream*)> ends(&stream, inflateEnd);
  stream.next_out = reinterpret_cast<Bytef*>(into.data());
  stream.avail_out = static_cast<uInt>(into.size());
  int status = Z_OK;
  while (status == Z_OK) {
    const auto piece = reader.Next();
    if (piece.empty()) break;
    stream.next_in = reinterpret_cast<Bytef*>(piece.data());
    stream.avail_in = static_cast<uInt>(piece.size());
    while (status == Z_OK && stream.avail_in > 0 && stream.avail_out > 0) {
      status = inflate(&stream, Z_NO_FLUSH);
    }
    if (stream.avail_out == 0) break;
  }
  if (stream.avail_out != 0) return DamagedStream("zlib");
  return into;
}

Result<Bytes> InflateZstd(CompressedReader& reader, Bytes into) {
  const std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(),
                                                                   ZSTD_freeDCtx);
  if (context == nullptr) return Error{ENOMEM, "zstd"};
  ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, kMaxZstdWindowLog);
  ZSTD_outBuffer output{into.data(), into.size(), 0};
  while (output.pos < output.size) {
    const auto piece = reader.Next();
    if (piece.empty()) return DamagedStream("zstd");
    ZSTD_inBuffer input{piece.data(), piece.size(), 0};
    while (input.pos < input.size && output.pos < output.size) {
      if (ZSTD_isError(ZSTD_decompressStream(context.get(), &output, &input)) != 0) {
        return DamagedStream("zstd");
      }
    }
  }
  return into;
}

Status WriteAll(const UniqueFd& fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = write(fd.get(), bytes.data(), bytes.size());
    if (count < 0 && errno != EINTR) return SystemError("write(memfd)");
    if (count > 0) bytes = bytes.subspan(static_cast<size_t>(count));
  }
  return Ok();
}

}  // namespace

Result<Bytes> ReadSection(const TargetFile& file, const ElfSection& section, bool is_64_bit,
                          size_t max_bytes) {
  const bool old = !section.compressed && section.name.starts_with(".zdebug_");
  if (!section.compressed && !old) {
    if (section.size > max_bytes) return Error{E2BIG, section.name + ": too large"};
    Bytes bytes(section.size);
    const auto read = file.ReadAt(bytes, section.file_offset);
    if (!read) return read.error();
    bytes.resize(*read);
    return bytes;
  }
  const auto head = old         ? ReadOldHead(file, section)
                    : is_64_bit ? ReadHead<Elf64_Chdr>(file, section)
                                : ReadHead<Elf32_Chdr>(file, section);
  if (!head) return Error{ENOEXEC, section.name + ": no head of a compressed section"};
  if (head->size > std::min<uint64_t>(max_bytes, UINT32_MAX)) {
    return Error{E2BIG, section.name + ": too large"};
  }
  CompressedReader reader(file, section.file_offset + head->bytes, section.size - head->bytes);
  switch (head->type) {
    case ELFCOMPRESS_ZLIB:
      return InflateZlib(reader, Bytes(head->size));
    case kCompressZstd:
      return InflateZstd(reader, Bytes(head->size));
    default:
      return Error{ENOTSUP, section.name + ": compressed by method " + std::to_string(head->type) +
                                ", which is not known"};
  }
}

Result<TargetFile> UnpackXz(const TargetFile& file, const ElfSection& section, size_t max_bytes) {
  lzma_stream stream = LZMA_STREAM_INIT;
  if (lzma_stream_decoder(&stream, kMaxXzDecoder, 0) != LZMA_OK) return Error{ENOMEM, "xz"};
  const std::unique_ptr<lzma_stream, void (*)(lzma_stream*)> ends(&stream, lzma_end);
  UniqueFd memory(memfd_create("sonde-symbols", MFD_CLOEXEC));
  if (!memory) return SystemError("memfd_create");
  CompressedReader reader(file, section.file_offset, section.size);
  Bytes unpacked(4 * kCompressedPiece);
  lzma_ret status = LZMA_OK;
  for (auto piece = reader.Next(); status == LZMA_OK && !piece.empty(); piece = reader.Next()) {
    stream.next_in = reinterpret_cast<uint8_t*>(piece.data());
    stream.avail_in = piece.size();
    do {
      stream.next_out = reinterpret_cast<uint8_t*>(unpacked.data());
      stream.avail_out = unpacked.size();
      status = lzma_code(&stream, LZMA_RUN);
      if (stream.total_out > max_bytes) return Error{E2BIG, section.name + ": too large"};
      const auto written =
          WriteAll(memory, std::span(unpacked).first(unpacked.size() - stream.avail_out));
      if (!written) return written.error();
    } while (status == LZMA_OK && (stream.avail_in > 0 || stream.avail_out == 0));
  }
  if (status == LZMA_MEMLIMIT_ERROR) return Error{E2BIG, section.name + ": wants too much memory"};
  if (status != LZMA_STREAM_END) return Error{ENOEXEC, section.name + ": damaged"};
  return TargetFile::FromDescriptor(std::move(memory));
}

Result<TargetFile> FileInMemory(std::span<const std::byte> bytes) {
  UniqueFd memory(memfd_create("sonde-symbols", MFD_CLOEXEC));
  if (!memory) return SystemError("memfd_create");
  const auto written = WriteAll(memory, bytes);
  if (!written) return written.error();
  return TargetFile::FromDescriptor(std::move(memory));
}

}  // namespace sonde
