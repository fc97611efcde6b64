#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace sonde {

/// A stub that jumps to where the loader has put an address.
struct PltStub {
  uint64_t svma = 0;
  uint32_t size = 0;
  /// Address of the slot that it jumps through; 0 where `relocation` says it.
  uint64_t slot = 0;
  /// Number of the relocation in .rela.plt, of stubs that only hand it to the loader.
  std::optional<uint32_t> relocation;
};

/// The stubs of .plt, .plt.sec and .plt.got, as binutils, lld and mold write them (System V ABI, AMD64 supplement: "Procedure
/// Linkage Table"; with the marks of Intel's CET). `unit`: bytes that stubs are multiples of, 8 or 16.
std::vector<PltStub> DecodePltOfX86_64(std::span<const uint8_t> code, uint64_t svma, uint32_t unit);

/// The same of aarch64: adrp x16; ldr x17, [x16, …]; add; br x17, with `bti c` before it or pointer authentication within.
std::vector<PltStub> DecodePltOfAarch64(std::span<const uint8_t> code, uint64_t svma);

}  // namespace sonde
