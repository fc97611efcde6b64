#pragma once

#include <linux/perf_event.h>

#include <cstddef>
#include <cstdint>

#include "core/perf/sampler_options.h"

namespace sonde {

/// What this kernel's perf_event_open takes.
struct KernelFeatures {
  bool lost_count = false;  ///< PERF_FORMAT_LOST, Linux 6.0
  bool build_id = false;    ///< attr.build_id, Linux 5.12
  bool ksymbol = false;     ///< attr.ksymbol, Linux 5.1
  /// PERF_SAMPLE_CGROUP and attr.cgroup, Linux 5.7 with CONFIG_CGROUP_PERF
  bool cgroup = false;

  /// Finds out by opening a dummy event on the calling thread.
  static KernelFeatures Probe();
};

/// What every sample carries. The record parser knows the layout that follows from it.
inline constexpr uint64_t kSampleType = PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_IP | PERF_SAMPLE_TID |
                                        PERF_SAMPLE_TIME | PERF_SAMPLE_CPU | PERF_SAMPLE_PERIOD |
                                        PERF_SAMPLE_CALLCHAIN;

/// The user's registers that come with captured stacks, as perf_event_attr.sample_regs_user: all of the general ones.
#if defined(__x86_64__)
// ax bx cx dx si di bp sp ip, r8 … r15 (arch/x86/include/uapi/asm/perf_regs.h)
inline constexpr uint64_t kUserRegisters = 0xff01ff;
inline constexpr size_t kUserRegisterCount = 17;
#elif defined(__aarch64__)
// x0 … x29, lr, sp, pc (arch/arm64/include/uapi/asm/perf_regs.h)
inline constexpr uint64_t kUserRegisters = 0x1ffffffff;
inline constexpr size_t kUserRegisterCount = 33;
#endif

/// A session's event on `target`, disabled.
perf_event_attr SampleAttr(const SessionOptions& session, const TargetOptions& target,
                           KernelFeatures features);
/// The same for a BPF program, which captures by itself what it needs: perf would walk the chain in vain.
perf_event_attr ProgramAttr(const SessionOptions& session, const TargetOptions& target,
                            KernelFeatures features);

/// The event that carries COMM, MMAP2, FORK, EXIT and KSYMBOL and owns a ring. Enabled from the start. It has an event of its own
/// so that the lost count of a session's event counts samples only: the kernel books a lost MMAP2 on the event that
/// asked for it. `watermark`: bytes in the ring that wake its reader.
perf_event_attr BookkeepingAttr(const TargetOptions& target, KernelFeatures features,
                                uint32_t watermark);

}  // namespace sonde
