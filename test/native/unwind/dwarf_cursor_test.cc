#include "core/unwind/dwarf_cursor.h"

#include <gtest/gtest.h>

#include "core/unwind/encoded_pointer.h"
#include "unwind/cfi_builder.h"

namespace sonde {
namespace {

using test::ByteString;

TEST(DwarfCursor, IntegersAreLittleEndian) {
  const ByteString bytes = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xff};
  DwarfCursor cursor(bytes.span());
  EXPECT_EQ(cursor.Read<uint16_t>(), 0x0201);
  EXPECT_EQ(cursor.Read<uint32_t>(), 0x06050403u);
  EXPECT_EQ(cursor.Read<uint64_t>(), 0x0e0d0c0b0a090807u);
  EXPECT_EQ(cursor.offset(), 14u);
  EXPECT_EQ(cursor.Read<int8_t>(), -1);
  EXPECT_TRUE(cursor.AtEnd());
  EXPECT_TRUE(cursor.ok());
}

TEST(DwarfCursor, WhatLiesBehindTheEndIsZeroAndRemembered) {
  const ByteString bytes = {1, 2, 3};
  DwarfCursor cursor(bytes.span());
  EXPECT_EQ(cursor.Read<uint32_t>(), 0u);
  EXPECT_FALSE(cursor.ok());
  EXPECT_TRUE(cursor.AtEnd());
  EXPECT_EQ(cursor.Read<uint8_t>(), 0);
  EXPECT_FALSE(DwarfCursor(bytes.span(), 4).ok());
  EXPECT_TRUE(DwarfCursor(bytes.span(), 3).ok());
  EXPECT_FALSE(DwarfCursor(bytes.span(), ~size_t{0}).ok());
  EXPECT_TRUE(DwarfCursor({}).AtEnd());
}

TEST(DwarfCursor, ALengthThatIsForgedGivesNothing) {
  const ByteString bytes = {1, 2, 3};
  DwarfCursor cursor(bytes.span(), 1);
  EXPECT_EQ(cursor.ReadBytes(2).size(), 2u);
  EXPECT_TRUE(cursor.ok());
  EXPECT_EQ(cursor.ReadBytes(~uint64_t{0}).size(), 0u);
  EXPECT_FALSE(cursor.ok());
}

TEST(DwarfCursor, Leb128OfEveryLength) {
  for (const uint64_t value : {uint64_t{0}, uint64_t{127}, uint64_t{128}, uint64_t{624485},
                               uint64_t{1} << 62, uint64_t{1} << 63, ~uint64_t{0}}) {
    const ByteString bytes = ByteString().Uleb(value);
    EXPECT_EQ(DwarfCursor(bytes.span()).ReadUleb(), value);
  }
  for (const int64_t value : {int64_t{0}, int64_t{63}, int64_t{64}, int64_t{-64}, int64_t{-65},
                              int64_t{-123456}, INT64_MIN, INT64_MAX}) {
    const ByteString bytes = ByteString().Sleb(value);
    EXPECT_EQ(DwarfCursor(bytes.span()).ReadSleb(), value);
  }
}

TEST(DwarfCursor, ALeb128MayBePaddedButNotForever) {
  const ByteString padded = {0x85, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0};
  DwarfCursor cursor(padded.span());
  EXPECT_EQ(cursor.ReadUleb(), 5u);
  EXPECT_TRUE(cursor.ok());
  ByteString endless;
  for (int count = 0; count < 100; count++) endless.U8(0x80);
  cursor = DwarfCursor(endless.span());
  cursor.ReadSleb();
  EXPECT_FALSE(cursor.ok());
}

/// The pointer, whose first byte lies at 0x1000; 0xbad where the cursor fails.
uint64_t Pointer(const ByteString& bytes, int encoding, std::optional<uint64_t> data = {}) {
  DwarfCursor cursor(bytes.span());
  const uint64_t value =
      ReadEncodedPointer(cursor, static_cast<uint8_t>(encoding), {.section = 0x1000, .data = data});
  return cursor.ok() ? value : 0xbad;
}

TEST(EncodedPointer, EveryFormatIsWidenedByItsSign) {
  const ByteString bytes = {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  EXPECT_EQ(Pointer(bytes, DW_EH_PE_absptr), uint64_t(-2));
  EXPECT_EQ(Pointer(bytes, DW_EH_PE_udata2), 0xfffeu);
  EXPECT_EQ(Pointer(bytes, DW_EH_PE_udata4), 0xfffffffeu);
  EXPECT_EQ(Pointer(bytes, DW_EH_PE_udata8), uint64_t(-2));
  EXPECT_EQ(Pointer(bytes, DW_EH_PE_sdata2), uint64_t(-2));
  EXPECT_EQ(Pointer(bytes, DW_EH_PE_sdata4), uint64_t(-2));
  EXPECT_EQ(Pointer(bytes, DW_EH_PE_sdata8), uint64_t(-2));
  EXPECT_EQ(Pointer({0x80, 0x01}, DW_EH_PE_uleb128), 128u);
  EXPECT_EQ(Pointer({0x80, 0x7f}, DW_EH_PE_sleb128), uint64_t(-128));
}

TEST(EncodedPointer, ABaseIsAdded) {
  const ByteString bytes = {0x10, 0, 0, 0};
  EXPECT_EQ(Pointer(bytes, DW_EH_PE_pcrel | DW_EH_PE_sdata4), 0x1010u);
  EXPECT_EQ(Pointer(bytes, DW_EH_PE_datarel | DW_EH_PE_sdata4, 0x5000), 0x5010u);
  EXPECT_EQ(Pointer({0, 0, 0, 0}, DW_EH_PE_pcrel | DW_EH_PE_sdata4), 0u) << "no pointer";
}

TEST(EncodedPointer, WhatCannotBeKnownFails) {
  const ByteString bytes = {0x10, 0, 0, 0, 0, 0, 0, 0};
  EXPECT_EQ(Pointer(bytes, DW_EH_PE_datarel | DW_EH_PE_sdata4), 0xbadu);
  EXPECT_EQ(Pointer(bytes, DW_EH_PE_indirect | DW_EH_PE_pcrel | DW_EH_PE_sdata4), 0xbadu);
  EXPECT_EQ(Pointer(bytes, DW_EH_PE_omit), 0xbadu);
  EXPECT_EQ(Pointer(bytes, 0x05), 0xbadu);
  EXPECT_EQ(Pointer(bytes, 0x20 | DW_EH_PE_sdata4), 0xbadu) << "textrel";
  EXPECT_EQ(Pointer({1, 2}, DW_EH_PE_sdata4), 0xbadu);
}

}  // namespace
}  // namespace sonde
