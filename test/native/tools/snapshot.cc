// Unwinds all threads of processes as they are at one moment, by the unwinder that unwinds samples.
//
//   sonde_snapshot PID          stops the process for the moment, and prints one line of JSON
//   sonde_snapshot < PIDS       the same for each line, as it comes
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>

#include "tools/process_code.h"
#include "tools/stopped_process.h"

namespace sonde::test {
namespace {

void PrintThread(const StoppedProcess& process, const StoppedProcess::Thread& thread,
                 ProcessCode& code) {
  const auto memory = process.MemoryFrom(thread.registers.value[kThisArchitecture.stack_pointer]);
  const auto chain = process.ChainOf(thread);
  const StackSnapshot snapshot{.registers = thread.registers,
                               .instruction = thread.instruction,
                               .bytes = memory.bytes,
                               .cut = memory.cut,
                               .chain = chain,
                               .chain_cut = chain.size() >= 127};
  std::vector<uint64_t> frames;
  const UnwindOutcome outcome = code.Unwind(process.pid(), snapshot, frames);
  std::printf("{\"tid\":%d,\"sp\":\"%" PRIx64 "\",\"end\":\"%s\",\"in\":\"%s\",\"frames\":[",
              thread.tid, thread.registers.value[kThisArchitecture.stack_pointer],
              WordOf(outcome.end), code.NameOf(outcome).c_str());
  for (size_t index = 0; index < frames.size(); index++) {
    std::printf("%s\"%" PRIx64 "\"", index == 0 ? "" : ",", frames[index] & ~kExactAddress);
  }
  std::printf("]}");
}

bool PrintProcess(pid_t pid, ProcessCode& code) {
  const auto process = StoppedProcess::Stop(pid);
  if (!process) {
    std::printf("{\"pid\":%d,\"error\":\"%s\"}\n", pid, process.error().what.c_str());
    return false;
  }
  std::printf("{\"pid\":%d,\"threads\":[", pid);
  const char* separator = "";
  for (const StoppedProcess::Thread& thread : process->threads()) {
    std::printf("%s", separator);
    separator = ",";
    PrintThread(*process, thread, code);
  }
  std::printf("]}\n");
  return true;
}

}  // namespace
}  // namespace sonde::test

int main(int argc, char** argv) {
  sonde::test::ProcessCode code;
  if (argc > 1) return sonde::test::PrintProcess(std::atoi(argv[1]), code) ? 0 : 1;
  for (std::string line; std::getline(std::cin, line);) {
    sonde::test::PrintProcess(std::atoi(line.c_str()), code);
    std::fflush(stdout);
  }
  return 0;
}
