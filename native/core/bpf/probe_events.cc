#include "core/bpf/probe_events.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "core/base/small_file.h"
#include "core/base/unique_fd.h"

namespace sonde::probe {
namespace {

/// Where the uprobe stands. It must exist, and must not be folded into another function.
[[gnu::noinline, gnu::used]] void NeverCalled() { asm volatile(""); }

Result<uint32_t> DynamicType(const std::string& pmu) {
  const std::string path = "/sys/bus/event_source/devices/" + pmu + "/type";
  const auto text = ReadSmallFile(path, 32);
  if (!text) return Error{text.error().code, "the kernel has no " + pmu + " PMU (" + path + ")"};
  return static_cast<uint32_t>(std::strtoul(text->c_str(), nullptr, 10));
}

struct Place {
  std::string path;
  uint64_t offset = 0;
};

/// The file and offset of an address of this process.
Result<Place> PlaceOf(uint64_t address) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    uint64_t start = 0;
    uint64_t end = 0;
    uint64_t offset = 0;
    int path = 0;
    const int fields =
        std::sscanf(line.c_str(), "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64 " %*s %*s %n", &start,
                    &end, &offset, &path);
    if (fields != 3 || address < start || address >= end || path == 0) continue;
    return Place{line.substr(static_cast<size_t>(path)), address - start + offset};
  }
  return Error{ENOENT, "finding this program in /proc/self/maps"};
}

}  // namespace

perf_event_attr ClockEvent() {
  perf_event_attr attr = {};
  attr.type = PERF_TYPE_SOFTWARE;
  attr.config = PERF_COUNT_SW_CPU_CLOCK;
  attr.sample_period = 1'000'000'000;
  attr.exclude_kernel = 1;
  attr.exclude_hv = 1;
  return attr;
}

Result<perf_event_attr> KprobeEvent(const std::string& function) {
  const auto type = DynamicType("kprobe");
  if (!type) return type.error();
  perf_event_attr attr = {};
  attr.type = *type;
  attr.kprobe_func = reinterpret_cast<uintptr_t>(function.c_str());
  return attr;
}

Result<perf_event_attr> UprobeEvent(std::string& path) {
  const auto type = DynamicType("uprobe");
  if (!type) return type.error();
  auto place = PlaceOf(reinterpret_cast<uintptr_t>(&NeverCalled));
  if (!place) return place.error();
  path = std::move(place->path);
  perf_event_attr attr = {};
  attr.type = *type;
  attr.uprobe_path = reinterpret_cast<uintptr_t>(path.c_str());
  attr.probe_offset = place->offset;
  return attr;
}

Status OpenEvent(perf_event_attr attr, int pid, int cpu) {
  attr.size = sizeof(attr);
  attr.disabled = 1;
  const UniqueFd fd(
      static_cast<int>(syscall(SYS_perf_event_open, &attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC)));
  if (!fd) return SystemError("perf_event_open");
  return Ok();
}

}  // namespace sonde::probe
