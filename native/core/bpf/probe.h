#pragma once

#include <string>
#include <vector>

namespace sonde {

/// One thing that was asked of the kernel, and its answer.
struct Probe {
  enum class Kind { kCall, kEvent, kMap, kProgram, kHelper };
  /// What Sonde needs it for: every sample, the BPF back-end, or something that is had in another way, too.
  enum class Need { kSampling, kBpf, kOptional };

  Kind kind = Kind::kCall;
  /// In the kernel's words: `task_storage`, `tp_btf`, `bpf_get_stack`.
  std::string name;
  /// What Sonde does with it, as the object of "for …".
  std::string serves;
  Need need = Need::kOptional;
  /// errno; 0: it works.
  int error = 0;
  /// What failed: `call`, `open`, `create`, `map`, `types`, `load`, `attach`; "" where nothing did.
  std::string step;
  /// The verifier's log, at most 16 KiB of its end, or what was tried.
  std::string log;
};

/// Tries what Sonde may ask of the kernel: opens events, creates maps, loads small programs and attaches them, and
/// removes everything again. Loading is not attaching: kprobes load where nothing can be attached to them. Takes some
/// 50 ms, and raises RLIMIT_MEMLOCK as far as it may, as the loader of the real programs does: kernels before 5.11 count
/// BPF memory against it.
std::vector<Probe> ProbeKernel();

}  // namespace sonde
