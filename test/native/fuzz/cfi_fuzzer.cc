// .eh_frame with and without its header, and .debug_frame, for both processors.
//
// Input: kind, u16 bytes of .eh_frame_hdr, those bytes, the frames. The sections lie where TestFrames has them.
#include "core/unwind/cfi.h"
#include "core/unwind/cfi_section.h"
#include "fuzz/fuzz_input.h"

namespace sonde::fuzz {
namespace {

constexpr uint64_t kFramesSvma = 0x40000;
constexpr uint64_t kHeaderSvma = 0x30000;
constexpr uint8_t kDebugFrame = 1;
constexpr uint8_t kOtherProcessor = 2;
constexpr size_t kMaxFunctions = 64;

SectionBytes SectionOf(std::span<const uint8_t> bytes, uint64_t svma) {
  const auto raw = std::as_bytes(bytes);
  return {.svma = svma, .bytes = {raw.begin(), raw.end()}};
}

/// Where functions begin and end, by the entries themselves.
std::vector<uint64_t> AddressesIn(const CfiSection& section) {
  std::vector<uint64_t> addresses = {0, 1, UINT64_MAX};
  size_t functions = 0;
  for (CfiEntry entry = section.EntryAt(0);
       entry.kind != CfiEntry::Kind::kNone && functions < kMaxFunctions;
       entry = section.EntryAt(entry.end)) {
    const Fde fde = section.ReadFde(entry);
    if (!fde.readable) continue;
    functions++;
    for (const uint64_t part : {uint64_t{0}, fde.size / 4, fde.size / 2, fde.size - 1, fde.size}) {
      addresses.push_back(fde.svma + part);
    }
  }
  return addresses;
}

void Check(const CfiRow& row) {
  const auto is_expression = [&](int64_t place) {
    return place >= 0 && static_cast<size_t>(place) < row.expressions.size();
  };
  Require(row.return_address < kMaxRegisters, "the return address has a column");
  Require(!row.cfa_is_expression || is_expression(row.cfa_offset), "the CFA's expression is there");
  for (const RegisterRule& rule : row.rules) {
    using Kind = RegisterRule::Kind;
    const bool expression = rule.kind == Kind::kExpression || rule.kind == Kind::kValueExpression;
    Require(!expression || is_expression(rule.offset), "the expression of a rule is there");
    Require(rule.kind != Kind::kRegister || (rule.offset >= 0 && rule.offset <= UINT8_MAX),
            "a register has a small number");
  }
}

}  // namespace
}  // namespace sonde::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sonde;
  using namespace sonde::fuzz;
  Input input(data, size);
  const auto kind = input.Take<uint8_t>();
  const auto header = input.Bytes(input.Take<uint16_t>());
  const auto frames = input.Rest();
  const bool debug = (kind & kDebugFrame) != 0;
  const Architecture& architecture = (kind & kOtherProcessor) != 0 ? kAarch64 : kX86_64;
  const auto source =
      debug ? MakeDebugFrame(SectionOf(frames, 0), architecture)
            : MakeEhFrame({SectionOf(header, kHeaderSvma), SectionOf(frames, kFramesSvma)},
                          architecture);
  if (!source) return 0;
  const CfiSection section(SectionOf(frames, debug ? 0 : kFramesSvma),
                           debug ? CfiFormat::kDebugFrame : CfiFormat::kEhFrame);
  for (const uint64_t svma : AddressesIn(section)) {
    auto row = (*source)->Find(svma);
    if (!row) continue;
    Check(*row);
    const RowAndRules compact = Compact(std::move(*row), svma, architecture);
    Require((compact.rules != nullptr) == (compact.row.kind == UnwindRow::Kind::kRules),
            "rules come with the rows that need them");
  }
  return 0;
}
