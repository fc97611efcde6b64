#include "core/perf/event_set.h"

#include <poll.h>

#include "core/perf/event_opener.h"

namespace sonde {

Result<EventSet> EventSet::Open(const SamplerOptions& options, KernelFeatures features,
                                const Collect& collect) {
  EventOpener opener(options, features, collect);
  return opener.Open();
}

Status EventSet::Enable() {
  for (SampledEvent& sampled : sampled_) {
    auto enabled = sampled.event.Enable();
    if (!enabled) return enabled;
  }
  return Ok();
}

void EventSet::Disable() {
  for (SampledEvent& sampled : sampled_) {
    // Fails only for an event that no longer counts anyway.
    (void)sampled.event.Disable();
  }
}

bool EventSet::AllThreadsGone() const {
  if (thread_fds_.empty()) return false;
  std::vector<pollfd> polled;
  polled.reserve(thread_fds_.size());
  for (const int fd : thread_fds_) polled.push_back({.fd = fd, .events = POLLIN, .revents = 0});
  if (poll(polled.data(), polled.size(), 0) < 0) return false;
  for (const pollfd& thread : polled) {
    if ((thread.revents & POLLHUP) == 0) return false;
  }
  return true;
}

}  // namespace sonde
