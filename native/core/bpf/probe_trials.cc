#include "core/bpf/probe_trials.h"

#include <sys/mman.h>
#include <unistd.h>

#include <utility>

#include "core/bpf/probe_calls.h"
#include "core/bpf/probe_events.h"
#include "core/bpf/sampler_programs.h"

namespace sonde::probe {
namespace {

/// Functions and tracepoints that every kernel has and that are seldom passed: for a moment a program stands there.
constexpr char kQuietFunction[] = "wake_up_new_task";
constexpr char kQuietTracepoint[] = "sched_process_exit";

MapSpec SmallestMap(bpf_map_type type, const Result<OwnTypes>& own) {
  MapSpec spec{.type = type, .key_bytes = 4, .value_bytes = 4, .entries = 1};
  switch (type) {
    case BPF_MAP_TYPE_RINGBUF:
      spec.key_bytes = spec.value_bytes = 0;
      spec.entries = static_cast<uint32_t>(sysconf(_SC_PAGESIZE));
      break;
    case BPF_MAP_TYPE_TASK_STORAGE:
      spec.entries = 0;
      spec.flags = BPF_F_NO_PREALLOC;
      if (own) {
        spec.btf_fd = own->fd.get();
        spec.key_type = spec.value_type = own->integer;
      }
      break;
    default:
      break;
  }
  return spec;
}

Outcome LoadForEvents(Instructions instructions) {
  return FailedAt("load", LoadProgram({.type = BPF_PROG_TYPE_PERF_EVENT,
                                       .instructions = std::move(instructions)}));
}

Outcome LoadAndAttach(bpf_prog_type type, const Result<perf_event_attr>& event) {
  const auto program = LoadProgram({.type = type, .instructions = ReturnZero()});
  if (!program) return FailedAt("load", program);
  if (!event) return FailedAt("attach", event);
  return FailedAt("attach", AttachToEvent(*program, *event));
}

void Append(Instructions& all, const auto& more) {
  all.insert(all.end(), more.begin(), more.end());
}

}  // namespace

Result<uint32_t> Bench::Function(const std::string& name) const {
  if (!kernel_) return kernel_.error();
  return kernel_->Function(name);
}

Result<uint32_t> Bench::Tracepoint(const std::string& name) const {
  if (!kernel_) return kernel_.error();
  return kernel_->Tracepoint(name);
}

const Result<UniqueFd>& Bench::Map(bpf_map_type type) {
  const auto known = maps_.find(type);
  if (known != maps_.end()) return known->second;
  // Without types of its key and value the kernel answers EINVAL, which says nothing of why there are none.
  const bool untyped = type == BPF_MAP_TYPE_TASK_STORAGE && !own_;
  auto map = untyped ? Result<UniqueFd>(own_.error()) : CreateMap(SmallestMap(type, own_));
  return maps_.emplace(type, std::move(map)).first->second;
}

Outcome TryMappedArray() {
  const auto array = CreateMap({.type = BPF_MAP_TYPE_ARRAY,
                                .key_bytes = 4,
                                .value_bytes = 8,
                                .entries = 1,
                                .flags = BPF_F_MMAPABLE});
  if (!array) return FailedAt("create", array);
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  void* const memory = mmap(nullptr, page, PROT_READ, MAP_SHARED, array->get(), 0);
  if (memory == MAP_FAILED) return Failure{"map", SystemError("mmap")};
  munmap(memory, page);
  return std::nullopt;
}

Outcome TrySampler() {
  const LoadLog log;
  const auto programs = SamplerPrograms::Load({}, log);
  if (programs) return std::nullopt;
  const std::string said = log.Text();
  return Failure{"load",
                 {programs.error().code, said.empty() ? programs.error().what : EndOf(said)}};
}

Outcome TryPerfEvent() { return LoadAndAttach(BPF_PROG_TYPE_PERF_EVENT, ClockEvent()); }

Outcome TryKprobe() {
  const std::string function = kQuietFunction;
  return LoadAndAttach(BPF_PROG_TYPE_KPROBE, KprobeEvent(function));
}

Outcome TryUprobe() {
  std::string path;
  return LoadAndAttach(BPF_PROG_TYPE_KPROBE, UprobeEvent(path));
}

Outcome TryRawTracepoint() {
  const auto program =
      LoadProgram({.type = BPF_PROG_TYPE_RAW_TRACEPOINT, .instructions = ReturnZero()});
  if (!program) return FailedAt("load", program);
  return FailedAt("attach", AttachToTracepoint(*program, kQuietTracepoint));
}

Outcome TryTracing(bpf_attach_type type, const Result<uint32_t>& target) {
  if (!target) return FailedAt("types", target);
  const auto program = LoadProgram({.type = BPF_PROG_TYPE_TRACING,
                                    .attach_type = type,
                                    .attach_btf_id = *target,
                                    .instructions = ReturnZero()});
  if (!program) return FailedAt("load", program);
  if (type == BPF_TRACE_ITER) return FailedAt("attach", AttachAsLink(*program, type));
  return FailedAt("attach", AttachToTracepoint(*program, ""));
}

Outcome TryHelper(bpf_func_id helper, Instructions arguments) {
  arguments.push_back(Call(helper));
  Append(arguments, ReturnZero());
  return LoadForEvents(std::move(arguments));
}

Outcome TryMapHelper(Bench& bench, bpf_map_type type, bpf_func_id helper, Instructions arguments) {
  const auto& map = bench.Map(type);
  if (!map) return FailedAt("create", map);
  Append(arguments, LoadReference(BPF_REG_1, BPF_PSEUDO_MAP_FD, map->get()));
  return TryHelper(helper, std::move(arguments));
}

Outcome TryFindVma(const Bench& bench) {
  if (!bench.own()) return FailedAt("types", bench.own());
  const OwnTypes& own = *bench.own();
  Instructions program{Call(BPF_FUNC_get_current_task_btf), Copy(BPF_REG_1, BPF_REG_0),
                       Move(BPF_REG_2, 0), Move(BPF_REG_4, 0), Move(BPF_REG_5, 0)};
  // Behind the reference: its second half, the call and two more. Counted from behind its first half.
  constexpr int32_t kToCallback = 4;
  Append(program, LoadReference(BPF_REG_3, BPF_PSEUDO_FUNC, kToCallback));
  program.push_back(Call(BPF_FUNC_find_vma));
  Append(program, ReturnZero());
  const bpf_func_info functions[] = {
      {.insn_off = 0, .type_id = own.functions[0]},
      {.insn_off = static_cast<uint32_t>(program.size()), .type_id = own.functions[1]}};
  Append(program, ReturnZero());
  return FailedAt("load", LoadProgram({.type = BPF_PROG_TYPE_PERF_EVENT,
                                       .instructions = std::move(program),
                                       .btf_fd = own.fd.get(),
                                       .functions = functions}));
}

}  // namespace sonde::probe
