#include "core/bpf/bpf_ring.h"

#include <bpf/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>

namespace sonde {

Result<BpfRing> BpfRing::Make(size_t bytes) {
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const std::string what = "bpf(BPF_MAP_CREATE, ring of " + std::to_string(bytes / 1024) + " KiB)";
  UniqueFd fd(bpf_map_create(BPF_MAP_TYPE_RINGBUF, "sonde_ring", 0, 0, static_cast<uint32_t>(bytes),
                             nullptr));
  if (!fd) return SystemError(what);
  auto consumer =
      MappedMemory::Map({.fd = fd.get(), .bytes = page, .protection = PROT_READ | PROT_WRITE});
  if (!consumer) return consumer.error();
  auto data = MappedMemory::Map({.fd = fd.get(), .offset = page, .bytes = page + 2 * bytes});
  if (!data) return data.error();
  // It holds memory of processes.
  madvise(data->data(), data->size(), MADV_DONTDUMP);
  madvise(data->data(), data->size(), MADV_DONTFORK);
  return BpfRing(std::move(fd), std::move(*consumer), std::move(*data), bytes);
}

uint64_t BpfRing::Head() const {
  return __atomic_load_n(reinterpret_cast<const uint64_t*>(data_.data()), __ATOMIC_ACQUIRE);
}

const std::byte* BpfRing::At(uint64_t position) const {
  const size_t page = data_.size() - 2 * size_;
  return data_.data() + page + (position & (size_ - 1));
}

}  // namespace sonde
