#include "core/v8/live_memory.h"

#include <sys/uio.h>

#include <cerrno>

namespace sonde {

LiveMemory::LiveMemory(pid_t pid) : pid_(pid), started_(StartTicksOf(pid)) {}

bool LiveMemory::Read(uint64_t address, std::span<std::byte> into) {
  iovec local = {.iov_base = into.data(), .iov_len = into.size()};
  iovec remote = {.iov_base = reinterpret_cast<void*>(address), .iov_len = into.size()};
  const ssize_t read = process_vm_readv(pid_, &local, 1, &remote, 1, 0);
  if (read < 0 && (errno == EPERM || errno == ESRCH)) refused_ = true;
  return read == static_cast<ssize_t>(into.size());
}

}  // namespace sonde
