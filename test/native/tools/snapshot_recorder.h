#pragma once

#include "core/base/result.h"
#include "tools/process_code.h"
#include "tools/stopped_process.h"
#include "unwind/recorded_snapshot.h"

namespace sonde::test {

/// A thread with what its way to the root needs, out of the files that its process has mapped. Error: one of them cannot
/// be read, or the way needs what a recording has no place for.
Result<RecordedSnapshot> Record(const StoppedProcess& process, const StoppedProcess::Thread& thread,
                                ProcessCode& code);

}  // namespace sonde::test
