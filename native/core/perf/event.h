#pragma once

#include <linux/perf_event.h>
#include <sys/types.h>

#include <cstdint>
#include <string>

#include "core/base/result.h"
#include "core/base/unique_fd.h"

namespace sonde {

/// What read() says of an event; counts of inherited children are included.
struct EventCounts {
  uint64_t value = 0;
  uint64_t time_running = 0;
  /// Samples that found no room in the ring; 0 where the kernel does not count them.
  uint64_t lost = 0;
};

/// Whom an event is opened beside.
struct EventGroup {
  int leader_fd = -1;
  /// Of a leader that is read with its group.
  uint32_t size = 1;
};

/// One opened perf event.
class Event {
 public:
  /// `name` is for messages. `pid` -1: every process of the CPU.
  static Result<Event> Open(perf_event_attr attr, pid_t pid, int cpu, const std::string& name,
                            const EventGroup& group = {});
  /// Of the processes in a cgroup, by its directory, while they run on the CPU.
  static Result<Event> OpenInCgroup(perf_event_attr attr, int directory, int cpu,
                                    const std::string& name, const EventGroup& group = {});

  int fd() const { return fd_.get(); }
  bool IsOpen() const { return static_cast<bool>(fd_); }
  /// Nothing more comes of it, and everything that is asked of it fails.
  void Close() { fd_.Reset(); }
  /// PERF_SAMPLE_IDENTIFIER of its records. Inherited children write their parent's.
  uint64_t id() const { return id_; }

  /// Sends the event's records to `owner`'s ring. Both must be of one CPU.
  Status RedirectTo(const Event& owner);
  /// Each of its samples runs the BPF program, which says whether perf writes it too. Children that inherit it do the same.
  Status Run(int program_fd) const;
  /// Of a tracepoint: only what the expression is true of counts.
  Status SetFilter(const std::string& expression, const std::string& name) const;
  Status Enable();
  Status Disable();
  Result<EventCounts> Read() const;

 private:
  static Result<Event> From(long fd, const perf_event_attr& attr, const EventGroup& group);
  Event(UniqueFd fd, uint32_t group_size) : fd_(std::move(fd)), group_size_(group_size) {}
  Result<EventCounts> ReadAlone() const;
  Result<EventCounts> ReadGroup() const;

  UniqueFd fd_;
  /// 0: its group is not read with it.
  uint32_t group_size_ = 0;
  uint64_t id_ = 0;
};

}  // namespace sonde
