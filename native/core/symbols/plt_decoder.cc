#include "core/symbols/plt_decoder.h"

#include <algorithm>
#include <cstring>

namespace sonde {
namespace {

constexpr uint8_t kEndbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};

int32_t SignedAt(std::span<const uint8_t> code, size_t offset) {
  int32_t number;
  std::memcpy(&number, code.data() + offset, sizeof(number));
  return number;
}

/// `code`: of the stub and what follows.
std::optional<PltStub> StubOfX86_64(std::span<const uint8_t> code, uint64_t svma, uint32_t unit) {
  const auto is = [code](size_t at, std::initializer_list<uint8_t> bytes) {
    return at + bytes.size() <= code.size() &&
           std::equal(bytes.begin(), bytes.end(), code.begin() + static_cast<ptrdiff_t>(at));
  };
  PltStub stub{.svma = svma, .size = unit, .slot = 0, .relocation = {}};
  size_t at = 0;
  if (code.size() >= 16 && std::ranges::equal(code.first(4), kEndbr64)) {
    at = 4;
    stub.size = 16;
  }
  if (is(at, {0x41, 0xbb})) at += 6;  // mold: mov $number, %r11d
  if (is(at, {0xf2})) at++;           // bnd
  if (is(at, {0xff, 0x25}) && at + 6 <= code.size()) {
    stub.slot = svma + at + 6 + static_cast<uint64_t>(int64_t{SignedAt(code, at + 2)});
    return stub;
  }
  if (is(at, {0x68}) && at + 6 <= code.size() && (is(at + 5, {0xe9}) || is(at + 5, {0xf2, 0xe9}))) {
    stub.relocation = static_cast<uint32_t>(SignedAt(code, at + 1));
    return stub;
  }
  return std::nullopt;
}

constexpr uint32_t kBtiC = 0xd503245f;
constexpr uint32_t kBranchX17 = 0xd61f0220;
constexpr size_t kMaxStubInstructions = 6;

bool IsAdrpX16(uint32_t instruction) { return (instruction & 0x9f00001f) == 0x90000010; }
bool IsLoadX17FromX16(uint32_t instruction) { return (instruction & 0xffc003ff) == 0xf9400211; }

uint64_t SlotOf(uint32_t adrp, uint32_t load, uint64_t svma) {
  const uint64_t pages = uint64_t{(adrp >> 5) & 0x7ffff} << 2 | ((adrp >> 29) & 3);
  const auto distance = static_cast<uint64_t>(static_cast<int64_t>(pages << 43) >> 31);
  return (svma & ~uint64_t{0xfff}) + distance + uint64_t{(load >> 10) & 0xfff} * 8;
}

}  // namespace

std::vector<PltStub> DecodePltOfX86_64(std::span<const uint8_t> code, uint64_t svma,
                                       uint32_t unit) {
  std::vector<PltStub> stubs;
  for (size_t at = 0; at + unit <= code.size();) {
    const auto stub = StubOfX86_64(code.subspan(at), svma + at, unit);
    if (stub) stubs.push_back(*stub);
    at += stub ? stub->size : unit;
  }
  return stubs;
}

std::vector<PltStub> DecodePltOfAarch64(std::span<const uint8_t> code, uint64_t svma) {
  std::vector<uint32_t> words(code.size() / sizeof(uint32_t));
  if (!words.empty()) std::memcpy(words.data(), code.data(), words.size() * sizeof(uint32_t));
  std::vector<PltStub> stubs;
  for (size_t i = 0; i + 1 < words.size(); i++) {
    if (!IsAdrpX16(words[i]) || !IsLoadX17FromX16(words[i + 1])) continue;
    const size_t first = i > 0 && words[i - 1] == kBtiC ? i - 1 : i;
    size_t end = i + 2;
    while (end < words.size() && end - first < kMaxStubInstructions && !IsAdrpX16(words[end]) &&
           words[end - 1] != kBranchX17) {
      end++;
    }
    if (words[end - 1] != kBranchX17) continue;
    stubs.push_back({.svma = svma + first * 4,
                     .size = static_cast<uint32_t>((end - first) * 4),
                     .slot = SlotOf(words[i], words[i + 1], svma + i * 4),
                     .relocation = {}});
    i = end - 1;
  }
  return stubs;
}

}  // namespace sonde
