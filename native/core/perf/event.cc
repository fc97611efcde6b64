#include "core/perf/event.h"

#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <vector>

namespace sonde {

Result<Event> Event::Open(perf_event_attr attr, pid_t pid, int cpu, const std::string& name,
                          const EventGroup& group) {
  const auto fd =
      syscall(SYS_perf_event_open, &attr, pid, cpu, group.leader_fd, PERF_FLAG_FD_CLOEXEC);
  if (fd < 0) {
    return SystemError("perf_event_open(" + name + ", pid " + std::to_string(pid) + ", cpu " +
                       std::to_string(cpu) + ")");
  }
  return From(fd, attr, group);
}

Result<Event> Event::OpenInCgroup(perf_event_attr attr, int directory, int cpu,
                                  const std::string& name, const EventGroup& group) {
  const auto fd = syscall(SYS_perf_event_open, &attr, directory, cpu, group.leader_fd,
                          PERF_FLAG_FD_CLOEXEC | PERF_FLAG_PID_CGROUP);
  if (fd < 0) {
    return SystemError("perf_event_open(" + name + " of a cgroup, cpu " + std::to_string(cpu) +
                       ")");
  }
  return From(fd, attr, group);
}

Result<Event> Event::From(long fd, const perf_event_attr& attr, const EventGroup& group) {
  const bool reads_group = (attr.read_format & PERF_FORMAT_GROUP) != 0;
  Event event{UniqueFd(static_cast<int>(fd)), reads_group ? group.size : 0};
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

Result<EventCounts> Event::Read() const { return group_size_ == 0 ? ReadAlone() : ReadGroup(); }

/// Of the leader itself.
Result<EventCounts> Event::ReadGroup() const {
  // nr, time enabled, time running; for each value, id, and lost where the kernel counts it
  std::vector<uint64_t> words(3 + 3 * size_t{group_size_});
  const ssize_t bytes = read(fd(), words.data(), words.size() * sizeof(uint64_t));
  if (bytes < 0) return SystemError("read(perf event)");
  const size_t count = static_cast<size_t>(bytes) / sizeof(uint64_t);
  if (count < 5 || words[0] == 0) return Error{ENODATA, "read(perf event)"};
  const bool states_lost = (count - 3) / words[0] == 3;
  return EventCounts{
      .value = words[3], .time_running = words[2], .lost = states_lost ? words[5] : 0};
}

Result<EventCounts> Event::ReadAlone() const {
  // value, time enabled, time running, id, and lost where the kernel counts it
  std::array<uint64_t, 5> words = {};
  const ssize_t bytes = read(fd(), words.data(), sizeof(words));
  if (bytes < 0) return SystemError("read(perf event)");
  // 0: the event went into an error state, as after its CPU went away.
  if (static_cast<size_t>(bytes) < 4 * sizeof(uint64_t)) return Error{ENODATA, "read(perf event)"};
  return EventCounts{.value = words[0], .time_running = words[2], .lost = words[4]};
}

}  // namespace sonde
