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

Result<std::vector<BpfRing>> MakeRings(uint32_t count, size_t bytes) {
  std::vector<BpfRing> rings;
  for (uint32_t place = 0; place < count; place++) {
    auto ring = BpfRing::Make(bytes);
    if (!ring) return ring.error();
    rings.push_back(std::move(*ring));
  }
  return rings;
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
  // Events are opened on those that are online now.
  const auto cpus = static_cast<uint32_t>(online->back()) + 1;
  const size_t ring_bytes =
      std::min(std::bit_ceil(options.ring_bytes * std::min(kCpusPerRing, cpus)), kLargestRing);
  auto rings = MakeRings((cpus + kCpusPerRing - 1) / kCpusPerRing, ring_bytes);
  if (!rings) return rings.error();
  auto programs = SamplerPrograms::Load({.sessions = options.sessions.size(),
                                         .cpus = cpus,
                                         .rings = static_cast<uint32_t>(rings->size()),
                                         .ring_fd = rings->front().fd()});
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
  const Status placed = sampler->PlaceRings(std::move(*rings));
  if (!placed) return placed.error();
  sampler->programs_.WatchForks();
  const Status configured = sampler->Configure(options);
  if (!configured) return configured.error();
  return sampler;
}

Status BpfSampler::PlaceRings(std::vector<BpfRing> rings) {
  const int places = programs_.MapFd("rings");
  for (uint32_t place = 0; place < rings.size(); place++) {
    const int fd = rings[place].fd();
    if (bpf_map_update_elem(places, &place, &fd, BPF_ANY) != 0) {
      return SystemError("bpf(BPF_MAP_UPDATE_ELEM, rings)");
    }
  }
  rings_ = std::move(rings);
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

Status BpfSampler::AttachTo(const EventSet& events) {
  for (const SampledEvent& sampled : events.sampled()) {
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
