#include "core/v8/live_memory.h"

#include <sys/uio.h>

#include <cerrno>

#include "core/base/small_file.h"

namespace sonde {
namespace {

constexpr size_t kMaxStatBytes = 4096;
/// Fields behind the name, which may hold anything and ends with the last parenthesis: the 20th is the start.
constexpr int kFieldsBeforeStart = 20;

}  // namespace

LiveMemory::LiveMemory(pid_t pid) : pid_(pid), started_(StartOf(pid)) {}

bool LiveMemory::Read(uint64_t address, std::span<std::byte> into) {
  iovec local = {.iov_base = into.data(), .iov_len = into.size()};
  iovec remote = {.iov_base = reinterpret_cast<void*>(address), .iov_len = into.size()};
  const ssize_t read = process_vm_readv(pid_, &local, 1, &remote, 1, 0);
  if (read < 0 && (errno == EPERM || errno == ESRCH)) refused_ = true;
  return read == static_cast<ssize_t>(into.size());
}

std::string LiveMemory::StartOf(pid_t pid) {
  const auto stat = ReadSmallFile("/proc/" + std::to_string(pid) + "/stat", kMaxStatBytes);
  if (!stat) return {};
  size_t at = stat->rfind(')');
  for (int field = 0; field < kFieldsBeforeStart && at != std::string::npos; field++) {
    at = stat->find(' ', at + 1);
  }
  if (at == std::string::npos) return {};
  return stat->substr(at + 1, stat->find(' ', at + 1) - at - 1);
}

}  // namespace sonde
