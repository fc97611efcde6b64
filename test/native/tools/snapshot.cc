// Unwinds all threads of processes as they are at one moment, by the unwinder that unwinds samples.
//
//   sonde_snapshot PID          stops the process for the moment, and prints one line of JSON
//   sonde_snapshot < PIDS       the same for each line, as it comes
//   sonde_snapshot --record PID    a recording of the first thread: its registers, stack and what unwinding it needs
//   sonde_snapshot --trim FILE     a recording without what its replay does not need
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>

#include "tools/process_code.h"
#include "tools/snapshot_recorder.h"
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
  code.Forget(pid);
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

bool WriteRecording(pid_t pid, ProcessCode& code) {
  const auto process = StoppedProcess::Stop(pid);
  if (!process) return false;
  const auto snapshot = Record(*process, process->threads().front(), code);
  if (!snapshot) {
    std::fprintf(stderr, "%s\n", snapshot.error().what.c_str());
    return false;
  }
  Trimmed(*snapshot).Write(std::cout);
  return true;
}

bool WriteTrimmed(const char* path) {
  std::ifstream file(path);
  Trimmed(RecordedSnapshot::Read(file)).Write(std::cout);
  return true;
}

}  // namespace
}  // namespace sonde::test

int main(int argc, char** argv) {
  const std::string option = argc > 2 ? argv[1] : "";
  if (option == "--trim") return sonde::test::WriteTrimmed(argv[2]) ? 0 : 1;
  sonde::test::ProcessCode code;
  if (option == "--record") return sonde::test::WriteRecording(std::atoi(argv[2]), code) ? 0 : 1;
  if (argc > 1) return sonde::test::PrintProcess(std::atoi(argv[1]), code) ? 0 : 1;
  for (std::string line; std::getline(std::cin, line);) {
    sonde::test::PrintProcess(std::atoi(line.c_str()), code);
    std::fflush(stdout);
  }
  return 0;
}
