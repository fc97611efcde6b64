#include "core/bpf/bpf_sampler.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <string>

#include "bpf/include/sampler_abi.h"
#include "core/perf/cpus.h"

namespace sonde {
namespace {

/// CPUs that share a ring: few, because a ring has one lock.
constexpr uint32_t kCpusPerRing = 4;
constexpr size_t kLargestRing = 64 << 20;

sonde_config& ConfigIn(const MappedMemory& memory) {
  return *reinterpret_cast<sonde_config*>(memory.data());
}

size_t WholePages(size_t bytes) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return (bytes + page - 1) / page * page;
}

Result<MappedMemory> MapArray(int fd, size_t bytes, int protection) {
  return MappedMemory::Map({.fd = fd, .bytes = WholePages(bytes), .protection = protection});
}

/// The controller's place in css_set.subsys: the kernel's enum of those that it was built with. The kernel calls blkio io.
Result<uint32_t> PlaceOf(const std::string& controller) {
  const std::string wanted = (controller == "blkio" ? "io" : controller) + "_cgrp_id";
  const std::unique_ptr<btf, decltype(&btf__free)> types(btf__load_vmlinux_btf(), &btf__free);
  const int id = types == nullptr
                     ? -1
                     : btf__find_by_name_kind(types.get(), "cgroup_subsys_id", BTF_KIND_ENUM);
  if (id < 0) return Error{ENOENT, "the kernel's BTF has no enum cgroup_subsys_id"};
  const btf_type* type = btf__type_by_id(types.get(), static_cast<uint32_t>(id));
  const struct btf_enum* values = btf_enum(type);
  for (int index = 0; index < btf_vlen(type); index++) {
    if (wanted == btf__name_by_offset(types.get(), values[index].name_off)) {
      return static_cast<uint32_t>(values[index].val);
    }
  }
  return Error{ENOENT, "the kernel has no cgroup controller " + controller};
}

/// One more than the highest CPU that is in the machine.
uint32_t CpusFor(const std::vector<int>& online) {
  const auto present = PresentCpus();
  const int highest =
      present && !present->empty() ? std::max(present->back(), online.back()) : online.back();
  return static_cast<uint32_t>(highest) + 1;
}

/// On which events are opened. Those of threads are opened on CPUs that are offline, too.
std::vector<int> CpusOf(const TargetOptions& target, const std::vector<int>& online) {
  if (target.kind == TargetOptions::Kind::kCpus) return online;
  auto present = PresentCpus();
  return present ? std::move(*present) : online;
}

sonde_session SessionOf(const SessionOptions& session) {
  const uint32_t flags = (session.kernel_stacks ? 0 : SONDE_WITHOUT_KERNEL_STACK) |
                         (session.user_stacks ? 0 : SONDE_WITHOUT_USER_STACK);
  return {.implied_value = session.PeriodIsImplied() ? session.period : 0,
          .max_stack = session.max_stack,
          .stack_bytes = session.stack_bytes,
          .flags = flags,
          .unused = 0};
}

}  // namespace

Result<std::unique_ptr<BpfSampler>> BpfSampler::Load(const SamplerOptions& options) {
  if (options.sessions.size() > SONDE_MAX_SESSIONS) {
    return Error{E2BIG, "the BPF sampler takes at most " + std::to_string(int{SONDE_MAX_SESSIONS}) +
                            " events"};
  }
  const auto online = OnlineCpus();
  if (!online) return online.error();
  const uint32_t cpus = CpusFor(*online);
  const size_t ring_bytes =
      std::min(std::bit_ceil(options.ring_bytes * std::min(kCpusPerRing, cpus)), kLargestRing);
  auto first = BpfRing::Make(ring_bytes);
  if (!first) return first.error();
  auto programs = SamplerPrograms::Load({.sessions = options.sessions.size(),
                                         .cpus = cpus,
                                         .rings = (cpus + kCpusPerRing - 1) / kCpusPerRing,
                                         .ring_fd = first->fd()});
  if (!programs) return programs.error();
  auto config = MapArray(programs->MapFd("config"), sizeof(sonde_config), PROT_READ | PROT_WRITE);
  if (!config) return config.error();
  auto counters =
      MapArray(programs->MapFd("counters"), cpus * sizeof(sonde_cpu_counters), PROT_READ);
  if (!counters) return counters.error();
  FilterMaps filter({.rules = programs->MapFd("rules"), .known = programs->MapFd("known")},
                    &ConfigIn(*config));
  std::unique_ptr<BpfSampler> sampler(new BpfSampler(std::move(*programs), std::move(filter),
                                                     std::move(*config), std::move(*counters)));
  sampler->cpus_ = cpus;
  const uint32_t first_place = static_cast<uint32_t>(online->front()) / kCpusPerRing;
  const Status placed = sampler->PlaceRing(first_place, std::move(*first));
  if (!placed) return placed.error();
  for (const int cpu : CpusOf(options.target, *online)) {
    const Status room = sampler->MakeRoomFor(cpu);
    if (!room) return room.error();
  }
  sampler->programs_.WatchForks();
  const Status configured = sampler->Configure(options);
  if (!configured) return configured.error();
  return sampler;
}

Status BpfSampler::MakeRoomFor(int cpu) {
  if (static_cast<uint32_t>(cpu) >= cpus_) {
    return Error{ENOSPC, "bpf: the programs were loaded for the CPUs up to " +
                             std::to_string(cpus_ - 1) + "; start anew to sample CPU " +
                             std::to_string(cpu)};
  }
  const uint32_t place = static_cast<uint32_t>(cpu) / kCpusPerRing;
  if (places_.contains(place)) return Ok();
  auto ring = BpfRing::Make(rings_.front().size());
  if (!ring) return ring.error();
  return PlaceRing(place, std::move(*ring));
}

Status BpfSampler::PlaceRing(uint32_t place, BpfRing ring) {
  const int fd = ring.fd();
  if (bpf_map_update_elem(programs_.MapFd("rings"), &place, &fd, BPF_ANY) != 0) {
    return SystemError("bpf(BPF_MAP_UPDATE_ELEM, rings)");
  }
  rings_.push_back(std::move(ring));
  places_.insert(place);
  return Ok();
}

Status BpfSampler::Configure(const SamplerOptions& options) {
  sonde_config& config = ConfigIn(config_);
  config.cpus_per_ring = kCpusPerRing;
  config.wake_bytes = rings_.front().size() / 2;
  for (size_t session = 0; session < options.sessions.size(); session++) {
    config.sessions[session] = SessionOf(options.sessions[session]);
  }
  const CgroupHierarchy& cgroups = options.cgroups;
  config.hierarchy = cgroups.mount.empty() ? SONDE_NO_CGROUPS : SONDE_CGROUP2;
  if (cgroups.controller.empty()) return Ok();
  const auto place = PlaceOf(cgroups.controller);
  if (!place) return place.error();
  config.hierarchy = SONDE_CONTROLLER;
  config.controller = *place;
  return Ok();
}

Status BpfSampler::AttachTo(const EventSet& events, uint32_t ring) {
  for (const SampledEvent& sampled : events.sampled()) {
    if (sampled.ring != ring || !sampled.event.IsOpen()) continue;
    const Status attached = sampled.event.Run(programs_.ProgramFd(sampled.session));
    if (!attached) return attached;
  }
  return Ok();
}

void BpfSampler::SetChain(const ChainWish& wish, uint64_t start_time) {
  const int chainless = programs_.MapFd("chainless");
  // Where it fails, samples cost more than they had to.
  if (wish.wanted) {
    (void)bpf_map_delete_elem(chainless, &wish.pid);
  } else {
    (void)bpf_map_update_elem(chainless, &wish.pid, &start_time, BPF_ANY);
  }
}

CaptureCounts BpfSampler::CountsOf(uint32_t cpu, uint32_t session) const {
  if ((cpu + 1) * sizeof(sonde_cpu_counters) > counters_.size()) return {};
  const auto* of_cpus = reinterpret_cast<const sonde_cpu_counters*>(counters_.data());
  const auto read = [&](sonde_counter counter) {
    return static_cast<uint64_t>(
        __atomic_load_n(&of_cpus[cpu].of[session][counter], __ATOMIC_RELAXED));
  };
  return {.runs = read(SONDE_RUNS),
          .kept = read(SONDE_KEPT),
          .filtered = read(SONDE_FILTERED),
          .sampled_out = read(SONDE_SAMPLED_OUT),
          .ring_full = read(SONDE_RING_FULL),
          .contended = read(SONDE_CONTENDED),
          .failed = read(SONDE_CAPTURE_FAILED),
          .stack_faults = read(SONDE_STACK_FAULTS),
          .timed = read(SONDE_TIMED),
          .timed_ns = read(SONDE_TIMED_NS)};
}

}  // namespace sonde
