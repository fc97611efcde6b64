#include "core/unwind/eh_frame_header.h"

#include <cstring>

#include "core/unwind/dwarf_constants.h"
#include "core/unwind/encoded_pointer.h"

namespace sonde {
namespace {

constexpr uint8_t kHeaderVersion = 1;
constexpr uint8_t kSearchableTable = DW_EH_PE_datarel | DW_EH_PE_sdata4;
constexpr size_t kTableEntryBytes = 8;
/// Two lengths, an id, an address and a size of two bytes each.
constexpr size_t kMinFdeBytes = 12;
/// Entries that are compared with their FDEs before a table is believed.
constexpr size_t kProbes = 16;

/// The number of entries, with the cursor at the first; nothing where they cannot be searched.
std::optional<uint64_t> ReadHead(DwarfCursor& cursor, uint64_t svma) {
  const auto version = cursor.Read<uint8_t>();
  const auto frames_encoding = cursor.Read<uint8_t>();
  const auto count_encoding = cursor.Read<uint8_t>();
  const auto table_encoding = cursor.Read<uint8_t>();
  if (version != kHeaderVersion || table_encoding != kSearchableTable) return std::nullopt;
  const PointerBases bases{.section = svma, .data = svma};
  if (frames_encoding != DW_EH_PE_omit) ReadEncodedPointer(cursor, frames_encoding, bases);
  if (count_encoding == DW_EH_PE_omit) return std::nullopt;
  const uint64_t count = ReadEncodedPointer(cursor, count_encoding, bases);
  if (!cursor.ok()) return std::nullopt;
  return count;
}

}  // namespace

std::optional<EhFrameHeader> EhFrameHeader::Read(SectionBytes section, const CfiSection& frames) {
  DwarfCursor cursor(BytesOf(section));
  const auto count = ReadHead(cursor, section.svma);
  if (!count || *count == 0) return std::nullopt;
  if (*count > (section.bytes.size() - cursor.offset()) / kTableEntryBytes) return std::nullopt;
  if (*count > frames.bytes().size() / kMinFdeBytes) return std::nullopt;
  EhFrameHeader header(std::move(section), cursor.offset(), *count, frames.svma());
  if (!header.IsSorted() || !header.Agrees(frames)) return std::nullopt;
  return header;
}

std::optional<size_t> EhFrameHeader::IndexOf(uint64_t svma) const {
  const auto target = static_cast<int64_t>(svma - section_.svma);
  if (FunctionAt(0) > target) return std::nullopt;
  // Without branches, which would be guessed wrongly half the time.
  size_t found = 0;
  for (size_t left = count_; left > 1;) {
    const size_t half = left / 2;
    found = FunctionAt(found + half) <= target ? found + half : found;
    left -= half;
  }
  return found;
}

std::optional<CfiPlace> EhFrameHeader::Find(uint64_t svma) const {
  const auto index = IndexOf(svma);
  return index ? std::optional(PlaceAt(*index)) : std::nullopt;
}

std::optional<uint64_t> EhFrameHeader::NextBehind(uint64_t svma) const {
  const auto index = IndexOf(svma);
  const size_t next = index ? *index + 1 : 0;
  if (next >= count_) return std::nullopt;
  return PlaceAt(next).svma;
}

CfiPlace EhFrameHeader::PlaceAt(size_t index) const {
  return {.svma = section_.svma + static_cast<uint64_t>(FunctionAt(index)),
          .fde = section_.svma + static_cast<uint64_t>(FdeAt(index)) - frames_svma_};
}

int32_t EhFrameHeader::Word(size_t index) const {
  int32_t word;
  std::memcpy(&word, section_.bytes.data() + table_ + index * sizeof(word), sizeof(word));
  return word;
}

bool EhFrameHeader::IsSorted() const {
  for (size_t index = 1; index < count_; index++) {
    if (FunctionAt(index - 1) > FunctionAt(index)) return false;
  }
  return true;
}

/// Tells a table that was not moved along with its section from one that was. One entry that is forged is found when it
/// is used.
bool EhFrameHeader::Agrees(const CfiSection& frames) const {
  for (size_t probe = 0; probe < kProbes; probe++) {
    const CfiPlace place = PlaceAt(probe * (count_ - 1) / (kProbes - 1));
    const Fde fde = frames.ReadFdeAt(place.fde);
    if (!fde.readable || fde.svma != place.svma) return false;
  }
  return true;
}

}  // namespace sonde
