// sonde-lines: reads the DWARF of one file for the agent, which does not trust it, and ends.
//
//   sonde-lines DATA_BYTES MAPPED_BYTES CPU_SECONDS     (SandboxLimits)
//
// Descriptor 0 is the socket to the agent, descriptor 3 the file. See core/lines/line_protocol.h.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "core/lines/line_protocol.h"
#include "lines/answer_writer.h"
#include "lines/answering.h"
#include "lines/dwarf_file.h"
#include "lines/sandbox.h"

namespace sonde {
namespace {

AnswerWriter writer(kLineSocketFd);

/// For libdw, which ends a process that gets no more, and for `new`.
[[noreturn]] void SayOutOfMemory() {
  writer.End("its DWARF needs more memory than reading it may take");
  _exit(0);
}

bool ReadAll(void* into, size_t size) {
  auto* at = static_cast<char*>(into);
  while (size > 0) {
    const ssize_t count = read(kLineSocketFd, at, size);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    at += count;
    size -= static_cast<size_t>(count);
  }
  return true;
}

std::optional<std::vector<uint64_t>> ReadRequest() {
  LineRequestHeader header;
  if (!ReadAll(&header, sizeof(header)) || header.magic != kLineRequestMagic ||
      header.count > kMaxLineAddresses) {
    return std::nullopt;
  }
  std::vector<uint64_t> addresses(header.count);
  if (!ReadAll(addresses.data(), addresses.size() * sizeof(uint64_t))) return std::nullopt;
  if (!std::is_sorted(addresses.begin(), addresses.end())) return std::nullopt;
  return addresses;
}

std::string Serve(const SandboxLimits& limits) {
  if (const char* const what = EnterSandbox(limits); what != nullptr) {
    return std::string("sonde-lines could not be confined: ") + what;
  }
  const auto addresses = ReadRequest();
  if (!addresses) return "sonde-lines: not a request";
  auto file = DwarfFile::Open(kLineImageFd);
  if (!file) return file.error().what;
  dwarf_new_oom_handler(file->dwarf(), SayOutOfMemory);
  return AnswerAll(*file, *addresses, writer);
}

int Main(int count, char** arguments) {
  if (count != 4) return 2;
  const auto number = [arguments](int index) { return strtoull(arguments[index], nullptr, 10); };
  std::set_new_handler(SayOutOfMemory);
  writer.End(Serve({number(1), number(2), number(3)}));
  // What libdw holds goes with the process: freeing it all takes as long as reading it did.
  _exit(0);
}

}  // namespace
}  // namespace sonde

int main(int count, char** arguments) { return sonde::Main(count, arguments); }
