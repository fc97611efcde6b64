#include "core/perf/unwind_reason.h"

namespace sonde {

std::string ReasonOf(UnwindEnd end, const std::string& file) {
  switch (end) {
    case UnwindEnd::kComplete:
    case UnwindEnd::kUnverified:
      break;
    case UnwindEnd::kStackBytes:
      return "[truncated: stack bytes]";
    case UnwindEnd::kOtherStack:
      return "[truncated: other stack]";
    case UnwindEnd::kDepth:
      return "[truncated: max depth]";
    case UnwindEnd::kKernelDepth:
      return "[truncated: max stack]";
    case UnwindEnd::kNoRows:
      return "[broken: no unwind rows in " + file + "]";
    case UnwindEnd::kUnreadableRows:
      return "[broken: unreadable unwind rows in " + file + "]";
    case UnwindEnd::kPending:
    case UnwindEnd::kLateRows:
      if (file.empty()) return "[broken: mappings not known]";
      return "[broken: unwind rows not read in time: " + file + "]";
    case UnwindEnd::kCostlyRows:
      return "[broken: unwinding too costly]";
    case UnwindEnd::kNoFile:
      return "[broken: recorded file not here: " + file + "]";
    case UnwindEnd::kFramePointer:
      return "[broken: bad frame pointer]";
    case UnwindEnd::kReturnAddress:
      return "[broken: bad return address]";
    case UnwindEnd::kRegisters:
      return "[broken: unknown registers]";
    case UnwindEnd::kNotCaptured:
      return "[broken: stack not captured]";
  }
  return "";
}

}  // namespace sonde
