#include "core/bpf/captured_sample.h"

#include <linux/perf_event.h>

#include <cstring>

#include "bpf/include/sampler_abi.h"
#include "core/perf/event_attr.h"

namespace sonde {
namespace {

static_assert(SONDE_USER_REGISTERS == kUserRegisterCount);

/// Takes values from the front; what is asked for and not there makes the record malformed.
class Rest {
 public:
  explicit Rest(std::span<const std::byte> bytes) : bytes_(bytes) {}

  bool well_formed() const { return well_formed_; }
  std::span<const std::byte> Bytes(size_t count) {
    if (count > bytes_.size()) {
      well_formed_ = false;
      return {};
    }
    const auto taken = bytes_.first(count);
    bytes_ = bytes_.subspan(count);
    return taken;
  }
  std::span<const uint64_t> Words(size_t count) {
    const auto taken = Bytes(count * sizeof(uint64_t));
    return {reinterpret_cast<const uint64_t*>(taken.data()), taken.size() / sizeof(uint64_t)};
  }

 private:
  std::span<const std::byte> bytes_;
  bool well_formed_ = true;
};

uint64_t AbiOf(uint16_t flags) {
  if ((flags & SONDE_SAMPLE_REGISTERS) != 0) return PERF_SAMPLE_REGS_ABI_64;
  return (flags & SONDE_SAMPLE_COMPAT) != 0 ? PERF_SAMPLE_REGS_ABI_32 : PERF_SAMPLE_REGS_ABI_NONE;
}

void AppendPart(std::vector<uint64_t>& chain, uint64_t marker, std::span<const uint64_t> frames) {
  if (frames.empty()) return;
  chain.push_back(marker);
  chain.insert(chain.end(), frames.begin(), frames.end());
}

}  // namespace

std::optional<CapturedSample> CapturedSampleReader::Read(std::span<const std::byte> bytes) {
  sonde_sample head;
  if (bytes.size() < sizeof(head)) return std::nullopt;
  std::memcpy(&head, bytes.data(), sizeof(head));
  Rest rest(bytes.subspan(sizeof(head)));
  const bool has_registers = (head.flags & SONDE_SAMPLE_REGISTERS) != 0;
  const auto registers = rest.Words(has_registers ? kUserRegisterCount : 0);
  chain_.clear();
  AppendPart(chain_, static_cast<uint64_t>(PERF_CONTEXT_KERNEL), rest.Words(head.kernel_frames));
  AppendPart(chain_, static_cast<uint64_t>(PERF_CONTEXT_USER), rest.Words(head.user_frames));
  const auto stack = rest.Bytes(head.stack_bytes);
  if (!rest.well_formed()) return std::nullopt;
  return CapturedSample{.session = head.session,
                        .start_time = head.start_time,
                        .record = {.ip = head.ip,
                                   .pid = head.pid,
                                   .tid = head.tid,
                                   .time = head.time,
                                   .cpu = head.cpu,
                                   .period = head.value,
                                   .user_mode = (head.flags & SONDE_SAMPLE_USER_MODE) != 0,
                                   .cgroup = head.cgroup,
                                   .chain = chain_,
                                   .registers = registers,
                                   .registers_abi = AbiOf(head.flags),
                                   .stack = stack,
                                   .stack_cut = (head.flags & SONDE_SAMPLE_STACK_CUT) != 0}};
}

}  // namespace sonde
