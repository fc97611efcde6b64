#include "core/perf/event_attr.h"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/base/unique_fd.h"

namespace sonde {
namespace {

/// PERF_FORMAT_LOST, which headers before Linux 6.0 lack.
constexpr uint64_t kFormatLost = 1 << 4;

uint64_t ReadFormat(KernelFeatures features) {
  const uint64_t always =
      PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING | PERF_FORMAT_ID;
  return features.lost_count ? always | kFormatLost : always;
}

perf_event_attr CommonAttr(KernelFeatures features) {
  perf_event_attr attr = {};
  attr.size = sizeof(attr);
  attr.read_format = ReadFormat(features);
  attr.sample_id_all = 1;
  // All events of a ring must use one clock; this one is also JavaScript's and perf.data's.
  attr.use_clockid = 1;
  attr.clockid = CLOCK_MONOTONIC;
  return attr;
}

bool Accepts(KernelFeatures features) {
  perf_event_attr attr = BookkeepingAttr({}, features, 4096);
  attr.disabled = 1;
  // Kernels without CONFIG_CGROUP_PERF take attr.cgroup, and never send what it asks for.
  if (features.cgroup) attr.sample_type |= PERF_SAMPLE_CGROUP;
  const UniqueFd fd(
      static_cast<int>(syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC)));
  return static_cast<bool>(fd);
}

}  // namespace

KernelFeatures KernelFeatures::Probe() {
  KernelFeatures features;
  features.lost_count = Accepts({.lost_count = true, .build_id = false});
  features.build_id = Accepts({.lost_count = false, .build_id = true});
  features.ksymbol = Accepts({.ksymbol = true});
  features.cgroup = Accepts({.cgroup = true});
  return features;
}

perf_event_attr SampleAttr(const SessionOptions& session, const TargetOptions& target,
                           KernelFeatures features) {
  perf_event_attr attr = CommonAttr(features);
  attr.type = session.type;
  attr.config = session.config;
  attr.freq = session.frequency != 0;
  if (session.frequency != 0) {
    attr.sample_freq = session.frequency;
  } else {
    attr.sample_period = session.period;
  }
  attr.sample_type = kSampleType;
  if (session.ReadsGroup()) {
    attr.sample_type |= PERF_SAMPLE_READ;
    attr.read_format |= PERF_FORMAT_GROUP;
  } else if (session.leader_sampling) {
    attr.freq = 0;
    attr.sample_period = 0;
  }
  if (session.PeriodIsImplied()) attr.sample_type &= ~uint64_t{PERF_SAMPLE_PERIOD};
  if (session.stack_bytes != 0) {
    attr.sample_type |= PERF_SAMPLE_REGS_USER | PERF_SAMPLE_STACK_USER;
    attr.sample_regs_user = kUserRegisters;
    attr.sample_stack_user = session.stack_bytes;
  }
  if (features.cgroup) attr.sample_type |= PERF_SAMPLE_CGROUP;
  attr.sample_max_stack = session.max_stack;
  attr.exclude_callchain_kernel = !session.kernel_stacks;
  attr.exclude_callchain_user = !session.user_stacks;
  attr.disabled = 1;
  attr.inherit = target.inherit;
  attr.enable_on_exec = target.kind == TargetOptions::Kind::kCommand;
  attr.exclude_idle = 1;
  attr.exclude_user = session.exclude_user;
  attr.exclude_kernel = session.exclude_kernel;
  const EventDetails& details = session.details;
  // As perf: the modifiers u and k name one mode, so the hypervisor is neither.
  attr.exclude_hv =
      details.exclude_hypervisor.value_or(session.exclude_user || session.exclude_kernel);
  attr.exclude_host = details.exclude_host;
  attr.exclude_guest = details.exclude_guest;
  attr.pinned = details.pinned;
  attr.exclusive = details.exclusive;
  attr.precise_ip = details.precise_ip;
  attr.config1 = details.config1;
  attr.config2 = details.config2;
  attr.bp_type = details.breakpoint_type;
  return attr;
}

perf_event_attr ProgramAttr(const SessionOptions& session, const TargetOptions& target,
                            KernelFeatures features) {
  perf_event_attr attr = SampleAttr(session, target, features);
  attr.sample_type = PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_CPU;
  attr.sample_regs_user = 0;
  attr.sample_stack_user = 0;
  attr.sample_max_stack = 0;
  attr.exclude_callchain_kernel = 0;
  attr.exclude_callchain_user = 0;
  return attr;
}

perf_event_attr BookkeepingAttr(const TargetOptions& target, KernelFeatures features,
                                uint32_t watermark) {
  perf_event_attr attr = CommonAttr(features);
  attr.type = PERF_TYPE_SOFTWARE;
  attr.config = PERF_COUNT_SW_DUMMY;
  // What the trailer of its records is made of; the same as the samples' as far as a trailer goes.
  attr.sample_type = PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_CPU;
  attr.inherit = target.inherit;
  attr.mmap = 1;
  attr.mmap2 = 1;
  attr.comm = 1;
  attr.comm_exec = 1;
  attr.task = 1;
  attr.build_id = features.build_id;
  attr.ksymbol = features.ksymbol;
  attr.cgroup = features.cgroup;
  // It counts nothing, and without this it would be refused to users who may not look into the kernel.
  attr.exclude_kernel = 1;
  attr.exclude_hv = 1;
  // The ring's: the kernel takes it from the event whose descriptor is mapped.
  attr.watermark = 1;
  attr.wakeup_watermark = watermark;
  return attr;
}

}  // namespace sonde
