// Makes .eh_frame, .eh_frame_hdr and .debug_frame, byte by byte.
#pragma once

#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "core/unwind/cfi.h"
#include "core/unwind/dwarf_constants.h"

namespace sonde::test {

/// Bytes in the order in which they were added.
class ByteString {
 public:
  ByteString() = default;
  ByteString(std::initializer_list<int> bytes) {
    for (const int byte : bytes) U8(byte);
  }
  ByteString& U8(int value) { return bytes_.push_back(static_cast<char>(value)), *this; }
  ByteString& U16(uint16_t value) { return Fixed(value); }
  ByteString& U32(uint32_t value) { return Fixed(value); }
  ByteString& U64(uint64_t value) { return Fixed(value); }
  ByteString& Uleb(uint64_t value) {
    for (; value >= 0x80; value >>= 7) U8(static_cast<int>(value & 0x7f) | 0x80);
    return U8(static_cast<int>(value));
  }
  ByteString& Sleb(int64_t value) {
    for (; value < -64 || value > 63; value >>= 7) U8(static_cast<int>(value & 0x7f) | 0x80);
    return U8(static_cast<int>(value & 0x7f));
  }
  ByteString& Text(const char* text) { return bytes_.append(text, std::strlen(text) + 1), *this; }
  ByteString& Add(const ByteString& other) { return bytes_ += other.bytes_, *this; }
  /// A length, and what is that long.
  ByteString& Block(const ByteString& other) { return Uleb(other.size()).Add(other); }

  size_t size() const { return bytes_.size(); }
  void Overwrite(size_t offset, uint32_t value) {
    std::memcpy(bytes_.data() + offset, &value, sizeof(value));
  }
  std::span<const uint8_t> span() const {
    return {reinterpret_cast<const uint8_t*>(bytes_.data()), bytes_.size()};
  }
  SectionBytes Section(uint64_t svma) const {
    const auto bytes = std::as_bytes(span());
    return {.svma = svma, .bytes = {bytes.begin(), bytes.end()}};
  }

 private:
  template <typename Value>
  ByteString& Fixed(Value value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(value));
    return *this;
  }

  std::string bytes_;
};

struct TestFunction {
  uint64_t svma = 0x1000;
  uint64_t size = 0x100;
  ByteString instructions = {};
};

/// What a CIE says, as GCC writes it for x86-64.
struct TestCie {
  int version = 1;
  std::string augmentation = "zR";
  ByteString augmentation_data = {DW_EH_PE_pcrel | DW_EH_PE_sdata4};
  uint64_t code_alignment = 1;
  int64_t data_alignment = -8;
  uint64_t return_address = 16;
  /// rsp + 8, where the return address lies.
  ByteString instructions = {DW_CFA_def_cfa, 7, 8, DW_CFA_offset | 16, 1};

  ByteString Body() const {
    ByteString body;
    body.U8(version).Text(augmentation.c_str());
    if (version >= 4) body.U8(8).U8(0);
    body.Uleb(code_alignment).Sleb(data_alignment);
    version == 1 ? body.U8(static_cast<int>(return_address)) : body.Uleb(return_address);
    if (augmentation.starts_with('z')) body.Block(augmentation_data);
    return body.Add(instructions);
  }
};

/// One CIE, which lies at the section's start, and its functions.
struct TestFrames {
  static constexpr uint64_t kSvma = 0x40000;
  static constexpr uint64_t kHeaderSvma = 0x30000;

  TestCie cie = {};
  std::vector<TestFunction> functions = {};
  /// Of the entries of .debug_frame: the 64-bit format.
  bool long_format = false;

  /// Offsets of the FDEs go to `places`.
  ByteString EhFrame(std::vector<size_t>* places = nullptr) const {
    ByteString section;
    ByteString body;
    body.U32(0).Add(cie.Body());
    section.U32(static_cast<uint32_t>(body.size())).Add(body);
    for (const TestFunction& function : functions) {
      if (places != nullptr) places->push_back(section.size());
      const size_t id = section.size() + 4;
      ByteString fde;
      fde.U32(static_cast<uint32_t>(id));
      fde.U32(static_cast<uint32_t>(function.svma - (kSvma + id + 4)));
      fde.U32(static_cast<uint32_t>(function.size));
      if (cie.augmentation.starts_with('z')) fde.U8(0);
      fde.Add(function.instructions);
      section.U32(static_cast<uint32_t>(fde.size())).Add(fde);
    }
    return section.U32(0);
  }

  ByteString Header() const {
    std::vector<size_t> places;
    EhFrame(&places);
    ByteString header = {1, DW_EH_PE_pcrel | DW_EH_PE_sdata4, DW_EH_PE_udata4,
                         DW_EH_PE_datarel | DW_EH_PE_sdata4};
    header.U32(static_cast<uint32_t>(kSvma - kHeaderSvma - 4));
    header.U32(static_cast<uint32_t>(functions.size()));
    for (size_t index = 0; index < functions.size(); index++) {
      header.U32(static_cast<uint32_t>(functions[index].svma - kHeaderSvma));
      header.U32(static_cast<uint32_t>(kSvma + places[index] - kHeaderSvma));
    }
    return header;
  }

  /// Without augmentation, as compilers write it: with addresses of 64 bits.
  ByteString DebugFrame() const {
    TestCie plain = cie;
    plain.augmentation = "";
    ByteString section;
    AddEntry(section, ~uint64_t{0}, plain.Body());
    for (const TestFunction& function : functions) {
      ByteString body;
      body.U64(function.svma).U64(function.size);
      AddEntry(section, 0, body.Add(function.instructions));
    }
    return section;
  }

 private:
  void AddEntry(ByteString& section, uint64_t id, const ByteString& body) const {
    if (long_format) {
      section.U32(0xffffffff).U64(body.size() + 8).U64(id).Add(body);
    } else {
      section.U32(static_cast<uint32_t>(body.size() + 4)).U32(static_cast<uint32_t>(id)).Add(body);
    }
  }
};

}  // namespace sonde::test
