#include "core/bpf/probe_calls.h"

#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <vector>

namespace sonde::probe {
namespace {

/// The verifier writes from the start, and kernels before 6.4 fail with ENOSPC instead of what they had found when the
/// buffer is too small: the log is asked for separately, and generously.
constexpr size_t kLogBufferBytes = 256 << 10;
/// Helpers for tracing need a licence that is compatible with the GPL.
constexpr char kLicence[] = "Dual BSD/GPL";
constexpr char kProgramName[] = "sonde_probe";

template <typename Pointer>
uint64_t PointerNumber(Pointer* pointer) {
  return reinterpret_cast<uintptr_t>(pointer);
}

Result<UniqueFd> BpfDescriptor(int command, bpf_attr& attr) {
  UniqueFd fd(static_cast<int>(syscall(SYS_bpf, command, &attr, sizeof(attr))));
  if (!fd) return SystemError("");
  return fd;
}

std::string LogOf(bpf_attr attr) {
  std::vector<char> log(kLogBufferBytes);
  attr.log_level = 1;
  attr.log_buf = PointerNumber(log.data());
  attr.log_size = static_cast<uint32_t>(log.size());
  const auto again = BpfDescriptor(BPF_PROG_LOAD, attr);
  if (again) return "";
  return EndOf(std::string(log.data(), strnlen(log.data(), log.size())));
}

Result<UniqueFd> OwnEvent(perf_event_attr attr) {
  attr.size = sizeof(attr);
  attr.disabled = 1;
  UniqueFd fd(
      static_cast<int>(syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC)));
  if (!fd) return SystemError("perf_event_open");
  return fd;
}

/// What the kernel says of calls without sense: EINVAL, and of bpf() since Linux 7 E2BIG.
Status ReachesKernel(long answer) {
  const bool nonsense = errno == EINVAL || errno == E2BIG || errno == EFAULT;
  if (answer < 0 && !nonsense) return SystemError("");
  return Ok();
}

}  // namespace

std::string EndOf(const std::string& log) {
  return log.size() <= kMaxLogBytes ? log : log.substr(log.size() - kMaxLogBytes);
}

Result<UniqueFd> LoadProgram(const ProgramSpec& spec) {
  bpf_attr attr = {};
  attr.prog_type = spec.type;
  attr.expected_attach_type = spec.attach_type;
  attr.attach_btf_id = spec.attach_btf_id;
  attr.insns = PointerNumber(spec.instructions.data());
  attr.insn_cnt = static_cast<uint32_t>(spec.instructions.size());
  attr.license = PointerNumber(kLicence);
  std::memcpy(attr.prog_name, kProgramName, sizeof(kProgramName));
  if (spec.btf_fd >= 0) {
    attr.prog_btf_fd = static_cast<uint32_t>(spec.btf_fd);
    attr.func_info = PointerNumber(spec.functions.data());
    attr.func_info_rec_size = sizeof(bpf_func_info);
    attr.func_info_cnt = static_cast<uint32_t>(spec.functions.size());
  }
  auto loaded = BpfDescriptor(BPF_PROG_LOAD, attr);
  if (loaded) return loaded;
  return Error{loaded.error().code, LogOf(attr)};
}

Result<UniqueFd> CreateMap(const MapSpec& spec) {
  bpf_attr attr = {};
  attr.map_type = spec.type;
  attr.key_size = spec.key_bytes;
  attr.value_size = spec.value_bytes;
  attr.max_entries = spec.entries;
  attr.map_flags = spec.flags;
  std::memcpy(attr.map_name, kProgramName, sizeof(kProgramName));
  if (spec.btf_fd >= 0) {
    attr.btf_fd = static_cast<uint32_t>(spec.btf_fd);
    attr.btf_key_type_id = spec.key_type;
    attr.btf_value_type_id = spec.value_type;
  }
  return BpfDescriptor(BPF_MAP_CREATE, attr);
}

Result<UniqueFd> LoadBtf(std::span<const std::byte> types) {
  bpf_attr attr = {};
  attr.btf = PointerNumber(types.data());
  attr.btf_size = static_cast<uint32_t>(types.size());
  return BpfDescriptor(BPF_BTF_LOAD, attr);
}

Status AttachToEvent(const UniqueFd& program, perf_event_attr attr) {
  const auto event = OwnEvent(attr);
  if (!event) return event.error();
  if (ioctl(event->get(), PERF_EVENT_IOC_SET_BPF, program.get()) != 0)
    return SystemError("PERF_EVENT_IOC_SET_BPF");
  return Ok();
}

Status AttachToTracepoint(const UniqueFd& program, const std::string& name) {
  bpf_attr attr = {};
  attr.raw_tracepoint.name = name.empty() ? 0 : PointerNumber(name.c_str());
  attr.raw_tracepoint.prog_fd = static_cast<uint32_t>(program.get());
  const auto attached = BpfDescriptor(BPF_RAW_TRACEPOINT_OPEN, attr);
  if (!attached) return Error{attached.error().code, "BPF_RAW_TRACEPOINT_OPEN"};
  return Ok();
}

Status AttachAsLink(const UniqueFd& program, bpf_attach_type type) {
  bpf_attr attr = {};
  attr.link_create.prog_fd = static_cast<uint32_t>(program.get());
  attr.link_create.attach_type = type;
  const auto attached = BpfDescriptor(BPF_LINK_CREATE, attr);
  if (!attached) return Error{attached.error().code, "BPF_LINK_CREATE"};
  return Ok();
}

Status CallPerfEventOpen() {
  return ReachesKernel(syscall(SYS_perf_event_open, nullptr, 0, -1, -1, ~0UL));
}

Status CallBpf() { return ReachesKernel(syscall(SYS_bpf, -1, nullptr, 0)); }

}  // namespace sonde::probe
