#include "core/perf/event.h"

#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

namespace sonde {

Result<Event> Event::Open(perf_event_attr attr, pid_t pid, int cpu, const std::string& name) {
  const auto fd = syscall(SYS_perf_event_open, &attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
  if (fd < 0) {
    return SystemError("perf_event_open(" + name + ", pid " + std::to_string(pid) + ", cpu " +
                       std::to_string(cpu) + ")");
  }
  return From(fd);
}

Result<Event> Event::OpenInCgroup(perf_event_attr attr, int directory, int cpu,
                                  const std::string& name) {
  const auto fd = syscall(SYS_perf_event_open, &attr, directory, cpu, -1,
                          PERF_FLAG_FD_CLOEXEC | PERF_FLAG_PID_CGROUP);
  if (fd < 0) {
    return SystemError("perf_event_open(" + name + " of a cgroup, cpu " + std::to_string(cpu) +
                       ")");
  }
  return From(fd);
}

Result<Event> Event::From(long fd) {
  Event event{UniqueFd(static_cast<int>(fd))};
  if (ioctl(event.fd(), PERF_EVENT_IOC_ID, &event.id_) != 0) {
    return SystemError("ioctl(PERF_EVENT_IOC_ID)");
  }
  return event;
}

Status Event::RedirectTo(const Event& owner) {
  if (ioctl(fd(), PERF_EVENT_IOC_SET_OUTPUT, owner.fd()) != 0) {
    return SystemError("ioctl(PERF_EVENT_IOC_SET_OUTPUT)");
  }
  return Ok();
}

Status Event::Run(int program_fd) const {
  if (ioctl(fd(), PERF_EVENT_IOC_SET_BPF, program_fd) != 0) {
    return SystemError("ioctl(PERF_EVENT_IOC_SET_BPF)");
  }
  return Ok();
}

Status Event::SetFilter(const std::string& expression, const std::string& name) const {
  if (ioctl(fd(), PERF_EVENT_IOC_SET_FILTER, expression.c_str()) != 0) {
    return SystemError("ioctl(PERF_EVENT_IOC_SET_FILTER, " + name + ", '" + expression + "')");
  }
  return Ok();
}

Status Event::Enable() {
  if (ioctl(fd(), PERF_EVENT_IOC_ENABLE, 0) != 0)
    return SystemError("ioctl(PERF_EVENT_IOC_ENABLE)");
  return Ok();
}

Status Event::Disable() {
  if (ioctl(fd(), PERF_EVENT_IOC_DISABLE, 0) != 0) {
    return SystemError("ioctl(PERF_EVENT_IOC_DISABLE)");
  }
  return Ok();
}

Result<EventCounts> Event::Read() const {
  // value, time enabled, time running, id, and lost where the kernel counts it
  std::array<uint64_t, 5> words = {};
  const ssize_t bytes = read(fd(), words.data(), sizeof(words));
  if (bytes < 0) return SystemError("read(perf event)");
  // 0: the event went into an error state, as after its CPU went away.
  if (static_cast<size_t>(bytes) < 4 * sizeof(uint64_t)) return Error{ENODATA, "read(perf event)"};
  return EventCounts{.value = words[0], .time_running = words[2], .lost = words[4]};
}

}  // namespace sonde
