#include "tools/stopped_process.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "core/perf/proc_reader.h"

namespace sonde::test {
namespace {

constexpr uint64_t kMostStack = 8 << 20;
/// kernel.perf_event_max_stack, as it is everywhere.
constexpr size_t kMostFrames = 127;

#if defined(__x86_64__)
void Take(const user_regs_struct& from, StoppedProcess::Thread& thread) {
  const uint64_t by_number[] = {from.rax, from.rdx, from.rcx, from.rbx, from.rsi, from.rdi,
                                from.rbp, from.rsp, from.r8,  from.r9,  from.r10, from.r11,
                                from.r12, from.r13, from.r14, from.r15, from.rip};
  for (unsigned number = 0; number < std::size(by_number); number++) {
    thread.registers.Set(number, by_number[number]);
  }
  thread.instruction = from.rip;
}
#elif defined(__aarch64__)
void Take(const user_regs_struct& from, StoppedProcess::Thread& thread) {
  for (unsigned number = 0; number < 31; number++) thread.registers.Set(number, from.regs[number]);
  thread.registers.Set(31, from.sp);
  thread.registers.Set(32, from.pc);
  thread.instruction = from.pc;
}
#endif

std::string Of(pid_t pid, const char* file) { return "/proc/" + std::to_string(pid) + file; }

/// End of the mapping at `address`; 0 where there is none.
uint64_t EndOfMapping(pid_t pid, uint64_t address) {
  std::ifstream maps(Of(pid, "/maps"));
  for (std::string line; std::getline(maps, line);) {
    std::istringstream words(line);
    uint64_t start = 0;
    uint64_t end = 0;
    char dash = 0;
    words >> std::hex >> start >> dash >> end;
    if (address >= start && address < end) return end;
  }
  return 0;
}

}  // namespace

Result<StoppedProcess> StoppedProcess::Stop(pid_t pid) {
  UniqueFd memory(open(Of(pid, "/mem").c_str(), O_RDONLY | O_CLOEXEC));
  if (memory.get() < 0) return SystemError("open " + Of(pid, "/mem"));
  StoppedProcess process(pid, std::move(memory));
  // A thread that is not stopped yet may start another.
  for (size_t before = SIZE_MAX; before != process.threads_.size();) {
    before = process.threads_.size();
    for (const pid_t tid : ProcReader().Threads(pid)) {
      if (std::ranges::find(process.threads_, tid, &Thread::tid) != process.threads_.end())
        continue;
      const Status stopped = process.StopThread(tid);
      if (!stopped && stopped.error().code != ESRCH) return stopped.error();
    }
  }
  return process;
}

Status StoppedProcess::StopThread(pid_t tid) {
  if (ptrace(PTRACE_SEIZE, tid, nullptr, nullptr) != 0) return SystemError("ptrace seize");
  if (ptrace(PTRACE_INTERRUPT, tid, nullptr, nullptr) != 0) return SystemError("ptrace interrupt");
  int status = 0;
  if (waitpid(tid, &status, __WALL) != tid || !WIFSTOPPED(status)) {
    return Error{ESRCH, "thread has ended"};
  }
  user_regs_struct registers;
  iovec into = {.iov_base = &registers, .iov_len = sizeof(registers)};
  if (ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &into) != 0)
    return SystemError("ptrace getregset");
  Thread thread{.tid = tid};
  std::ifstream comm("/proc/" + std::to_string(tid) + "/comm");
  std::getline(comm, thread.comm);
  Take(registers, thread);
  threads_.push_back(std::move(thread));
  return Ok();
}

StoppedProcess::~StoppedProcess() {
  for (const Thread& thread : threads_) ptrace(PTRACE_DETACH, thread.tid, nullptr, nullptr);
}

StoppedProcess::Memory StoppedProcess::MemoryFrom(uint64_t address) const {
  const uint64_t end = EndOfMapping(pid_, address);
  if (end == 0) return {};
  const uint64_t size = std::min(end - address, kMostStack);
  Memory memory{.bytes = std::vector<std::byte>(size), .cut = size < end - address};
  const ssize_t got = pread(memory_.get(), memory.bytes.data(), size, static_cast<off_t>(address));
  memory.bytes.resize(got > 0 ? static_cast<size_t>(got) : 0);
  return memory;
}

/// As perf_callchain_user does it.
std::vector<uint64_t> StoppedProcess::ChainOf(const Thread& thread) const {
  std::vector<uint64_t> chain = {thread.instruction};
  uint64_t frame = thread.registers.value[kThisArchitecture.frame_pointer];
  while (chain.size() < kMostFrames) {
    uint64_t words[2];
    const ssize_t got = pread(memory_.get(), words, sizeof(words), static_cast<off_t>(frame));
    if (got != sizeof(words)) break;
    chain.push_back(words[1]);
    frame = words[0];
  }
  return chain;
}

}  // namespace sonde::test
