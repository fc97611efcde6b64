#pragma once

#include <linux/perf_event.h>

#include <string>

#include "core/base/result.h"

namespace sonde::probe {

/// cpu-clock in user mode: what every process may count of itself where perf_event_paranoid is 2 or less.
perf_event_attr ClockEvent();
/// The kernel's breakpoint at the first instruction of one of its functions. The event points to `function`.
Result<perf_event_attr> KprobeEvent(const std::string& function);
/// A breakpoint in this very file, at a function that nobody calls. `path` receives what the event points to.
Result<perf_event_attr> UprobeEvent(std::string& path);

/// Opens the event, closes it again.
Status OpenEvent(perf_event_attr attr, int pid, int cpu);

}  // namespace sonde::probe
