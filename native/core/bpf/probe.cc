#include "core/bpf/probe.h"

#include <sys/resource.h>

#include "core/bpf/probe_calls.h"
#include "core/bpf/probe_events.h"
#include "core/bpf/probe_trials.h"

namespace sonde {
namespace probe {
namespace {

using Kind = Probe::Kind;
using Need = Probe::Need;

struct Trial {
  Kind kind;
  const char* name;
  const char* serves;
  Need need;
  Outcome (*run)(Bench& bench);
};

const Trial kCalls[] = {
    {Kind::kCall, "perf_event_open", "all sampling", Need::kSampling,
     [](Bench&) { return FailedAt("call", CallPerfEventOpen()); }},
    {Kind::kCall, "bpf", "the BPF back-end", Need::kBpf,
     [](Bench&) { return FailedAt("call", CallBpf()); }},
};

perf_event_attr KernelsClock() {
  perf_event_attr event = ClockEvent();
  event.exclude_kernel = 0;
  event.exclude_hv = 0;
  return event;
}

perf_event_attr Cycles() {
  perf_event_attr event = ClockEvent();
  event.type = PERF_TYPE_HARDWARE;
  event.config = PERF_COUNT_HW_CPU_CYCLES;
  return event;
}

const Trial kEvents[] = {
    {Kind::kEvent, "own_user", "one's own processes in user mode", Need::kSampling,
     [](Bench&) { return FailedAt("open", OpenEvent(ClockEvent(), 0, -1)); }},
    {Kind::kEvent, "own_kernel", "the kernel in one's own processes", Need::kOptional,
     [](Bench&) { return FailedAt("open", OpenEvent(KernelsClock(), 0, -1)); }},
    {Kind::kEvent, "machine", "every CPU", Need::kBpf,
     [](Bench&) { return FailedAt("open", OpenEvent(KernelsClock(), -1, 0)); }},
    {Kind::kEvent, "cycles", "sampling by hardware events", Need::kOptional,
     [](Bench&) { return FailedAt("open", OpenEvent(Cycles(), 0, -1)); }},
};

const Trial kMaps[] = {
    {Kind::kMap, "ringbuf", "handing samples to the agent", Need::kBpf,
     [](Bench& bench) { return FailedAt("create", bench.Map(BPF_MAP_TYPE_RINGBUF)); }},
    {Kind::kMap, "hash", "filters by process and cgroup", Need::kBpf,
     [](Bench& bench) { return FailedAt("create", bench.Map(BPF_MAP_TYPE_HASH)); }},
    {Kind::kMap, "lru_hash", "facts about processes", Need::kBpf,
     [](Bench& bench) { return FailedAt("create", bench.Map(BPF_MAP_TYPE_LRU_HASH)); }},
    {Kind::kMap, "mmapable_array", "settings and counters without system calls", Need::kBpf,
     [](Bench&) { return TryMappedArray(); }},
    {Kind::kMap, "percpu_array", "counters of each CPU", Need::kOptional,
     [](Bench& bench) { return FailedAt("create", bench.Map(BPF_MAP_TYPE_PERCPU_ARRAY)); }},
    {Kind::kMap, "task_storage", "facts about threads, cheaper than a hash", Need::kOptional,
     [](Bench& bench) { return FailedAt("create", bench.Map(BPF_MAP_TYPE_TASK_STORAGE)); }},
};

const Trial kPrograms[] = {
    {Kind::kProgram, "sonde_sampler", "sampling by BPF", Need::kBpf,
     [](Bench&) { return TrySampler(); }},
    {Kind::kProgram, "perf_event", "a program on each event", Need::kBpf,
     [](Bench&) { return TryPerfEvent(); }},
    {Kind::kProgram, "tp_btf", "hooks of the scheduler and of processes", Need::kOptional,
     [](Bench& bench) {
       return TryTracing(BPF_TRACE_RAW_TP, bench.Tracepoint("sched_process_exit"));
     }},
    {Kind::kProgram, "raw_tracepoint", "the same hooks where the kernel has no BTF",
     Need::kOptional, [](Bench&) { return TryRawTracepoint(); }},
    {Kind::kProgram, "iter/task", "reading all threads at once", Need::kOptional,
     [](Bench& bench) { return TryTracing(BPF_TRACE_ITER, bench.Function("bpf_iter_task")); }},
    {Kind::kProgram, "fentry", "cheap hooks of the kernel's functions", Need::kOptional,
     [](Bench& bench) { return TryTracing(BPF_TRACE_FENTRY, bench.Function("wake_up_new_task")); }},
    {Kind::kProgram, "kprobe", "hooks of the kernel's functions", Need::kOptional,
     [](Bench&) { return TryKprobe(); }},
    {Kind::kProgram, "uprobe", "hooks of programs' functions", Need::kOptional,
     [](Bench&) { return TryUprobe(); }},
};

Outcome TryOfTask(bpf_func_id helper) {
  return TryHelper(helper, {Call(BPF_FUNC_get_current_task_btf), Copy(BPF_REG_1, BPF_REG_0)});
}

/// Arguments 1 to 3 of bpf_probe_read_*: eight bytes of the stack, and where from.
Instructions ReadEightBytes() {
  return {Copy(BPF_REG_1, BPF_REG_10), Add(BPF_REG_1, -8), Move(BPF_REG_2, 8), Move(BPF_REG_3, 0)};
}

const Trial kHelpers[] = {
    {Kind::kHelper, "bpf_ktime_get_ns", "the time of each sample", Need::kBpf,
     [](Bench&) { return TryHelper(BPF_FUNC_ktime_get_ns, {}); }},
    {Kind::kHelper, "bpf_get_stack", "the kernel's stack, and stacks by frame pointers", Need::kBpf,
     [](Bench&) {
       return TryHelper(BPF_FUNC_get_stack,
                        {Copy(BPF_REG_2, BPF_REG_10), Add(BPF_REG_2, -64), Move(BPF_REG_3, 64),
                         Move(BPF_REG_4, BPF_F_USER_STACK)});
     }},
    {Kind::kHelper, "bpf_probe_read_user", "the used part of the stack", Need::kBpf,
     [](Bench&) { return TryHelper(BPF_FUNC_probe_read_user, ReadEightBytes()); }},
    {Kind::kHelper, "bpf_probe_read_kernel", "the start of each process", Need::kBpf,
     [](Bench&) { return TryHelper(BPF_FUNC_probe_read_kernel, ReadEightBytes()); }},
    {Kind::kHelper, "bpf_ringbuf_output", "handing samples to the agent", Need::kBpf,
     [](Bench& bench) {
       return TryMapHelper(bench, BPF_MAP_TYPE_RINGBUF, BPF_FUNC_ringbuf_output,
                           {ClearStack(-8), Copy(BPF_REG_2, BPF_REG_10), Add(BPF_REG_2, -8),
                            Move(BPF_REG_3, 8), Move(BPF_REG_4, 0)});
     }},
    {Kind::kHelper, "bpf_get_current_cgroup_id", "the cgroup of who caused something",
     Need::kOptional, [](Bench&) { return TryHelper(BPF_FUNC_get_current_cgroup_id, {}); }},
    {Kind::kHelper, "bpf_get_current_task_btf", "fields of the thread without reading by hand",
     Need::kOptional, [](Bench&) { return TryHelper(BPF_FUNC_get_current_task_btf, {}); }},
    {Kind::kHelper, "bpf_task_pt_regs", "user registers of a sample taken in the kernel",
     Need::kOptional, [](Bench&) { return TryOfTask(BPF_FUNC_task_pt_regs); }},
    {Kind::kHelper, "bpf_task_storage_get", "facts about threads", Need::kOptional,
     [](Bench& bench) {
       return TryMapHelper(bench, BPF_MAP_TYPE_TASK_STORAGE, BPF_FUNC_task_storage_get,
                           {Call(BPF_FUNC_get_current_task_btf), Copy(BPF_REG_2, BPF_REG_0),
                            Move(BPF_REG_3, 0), Move(BPF_REG_4, BPF_LOCAL_STORAGE_GET_F_CREATE)});
     }},
    {Kind::kHelper, "bpf_find_vma", "the end of the stack's mapping", Need::kOptional,
     [](Bench& bench) { return TryFindVma(bench); }},
    {Kind::kHelper, "bpf_get_attach_cookie", "one program for several events", Need::kOptional,
     [](Bench&) { return TryHelper(BPF_FUNC_get_attach_cookie, {}); }},
};

/// As the loader of the real programs does where the kernel counts BPF memory against the limit (before 5.11).
void RaiseMemoryLock() {
  rlimit limit{RLIM_INFINITY, RLIM_INFINITY};
  if (setrlimit(RLIMIT_MEMLOCK, &limit) == 0 || getrlimit(RLIMIT_MEMLOCK, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_MEMLOCK, &limit);
}

Probe Run(const Trial& trial, Bench& bench) {
  Probe probe{.kind = trial.kind,
              .name = trial.name,
              .serves = trial.serves,
              .need = trial.need,
              .step = "",
              .log = ""};
  auto outcome = trial.run(bench);
  if (!outcome) return probe;
  probe.error = outcome->error.code;
  probe.step = std::move(outcome->step);
  probe.log = std::move(outcome->error.what);
  return probe;
}

}  // namespace
}  // namespace probe

std::vector<Probe> ProbeKernel() {
  probe::RaiseMemoryLock();
  probe::Bench bench;
  std::vector<Probe> probes;
  const auto run = [&](std::span<const probe::Trial> trials) {
    for (const probe::Trial& trial : trials) probes.push_back(probe::Run(trial, bench));
  };
  run(probe::kCalls);
  run(probe::kEvents);
  run(probe::kMaps);
  run(probe::kPrograms);
  run(probe::kHelpers);
  return probes;
}

}  // namespace sonde
