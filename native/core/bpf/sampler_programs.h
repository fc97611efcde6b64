#pragma once

#include <cstdint>
#include <memory>

#include "core/base/result.h"
#include "core/bpf/load_log.h"

struct bpf_object;
struct bpf_link;

namespace sonde {

/// native/bpf/sampler.bpf.c in the kernel: its maps, and a program for each session.
class SamplerPrograms {
 public:
  struct Size {
    size_t sessions = 1;
    /// One more than the highest CPU that is sampled.
    uint32_t cpus = 1;
    uint32_t rings = 1;
    /// One of the rings, all of which are alike; -1: of any size, which Linux before 5.10 does not take.
    int ring_fd = -1;
  };

  /// The error says which program the kernel refused, and why. ENOSYS where Sonde was built without BPF.
  static Result<SamplerPrograms> Load(Size size);
  /// The same, for who wants the whole of what libbpf and the verifier say.
  static Result<SamplerPrograms> Load(Size size, const LoadLog& log);

  /// Lets the programs see forks as they happen; nothing depends on it but how soon a child is in its parent's tree.
  void WatchForks();

  int ProgramFd(size_t session) const;
  /// Maps by their names in the source.
  int MapFd(const char* name) const;

 private:
  struct Closer {
    void operator()(bpf_object* object) const;
    void operator()(bpf_link* link) const;
  };
  explicit SamplerPrograms(std::unique_ptr<bpf_object, Closer> object)
      : object_(std::move(object)) {}

  std::unique_ptr<bpf_object, Closer> object_;
  std::unique_ptr<bpf_link, Closer> forks_;
};

}  // namespace sonde
