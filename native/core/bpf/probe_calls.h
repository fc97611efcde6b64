#pragma once

#include <linux/bpf.h>
#include <linux/perf_event.h>

#include <cstdint>
#include <span>
#include <string>

#include "core/base/result.h"
#include "core/base/unique_fd.h"
#include "core/bpf/probe_instructions.h"

namespace sonde::probe {

/// What the verifier said, as much of its end as is kept.
inline constexpr size_t kMaxLogBytes = 16 << 10;
std::string EndOf(const std::string& log);

struct ProgramSpec {
  bpf_prog_type type = BPF_PROG_TYPE_UNSPEC;
  /// Of BPF_PROG_TYPE_TRACING.
  bpf_attach_type attach_type = BPF_CGROUP_INET_INGRESS;
  /// What a program of BPF_PROG_TYPE_TRACING is attached to, in the kernel's BTF; 0: nothing.
  uint32_t attach_btf_id = 0;
  Instructions instructions = {};
  /// Of the program's own BTF and its functions, where a callback needs them.
  int btf_fd = -1;
  std::span<const bpf_func_info> functions = {};
};

struct MapSpec {
  bpf_map_type type = BPF_MAP_TYPE_UNSPEC;
  uint32_t key_bytes = 0;
  uint32_t value_bytes = 0;
  uint32_t entries = 0;
  uint32_t flags = 0;
  /// BTF that has the types of key and value, where the map needs them.
  int btf_fd = -1;
  uint32_t key_type = 0;
  uint32_t value_type = 0;
};

/// The error's `what` is the verifier's log; '' where it wrote none.
Result<UniqueFd> LoadProgram(const ProgramSpec& spec);
Result<UniqueFd> CreateMap(const MapSpec& spec);
Result<UniqueFd> LoadBtf(std::span<const std::byte> types);

/// Opens an event of the calling process, disabled, and gives it the program.
Status AttachToEvent(const UniqueFd& program, perf_event_attr attr);
/// Of a raw tracepoint by its name; '' for programs that were loaded for one place (tp_btf, fentry).
Status AttachToTracepoint(const UniqueFd& program, const std::string& name);
/// As a link of the type, whose target is in the program.
Status AttachAsLink(const UniqueFd& program, bpf_attach_type type);

/// Whether calls without sense arrive at the kernel: it says so before it looks at any privilege, a seccomp filter
/// answers something else.
Status CallPerfEventOpen();
/// Kernels before 5.19 answer EPERM here where unprivileged BPF is off and CAP_BPF is missing.
Status CallBpf();

}  // namespace sonde::probe
