#pragma once

#include <linux/bpf.h>

#include <map>
#include <optional>
#include <string>

#include "core/base/result.h"
#include "core/base/unique_fd.h"
#include "core/bpf/probe_instructions.h"
#include "core/bpf/probe_types.h"

namespace sonde::probe {

/// Which step of a trial failed, and why.
struct Failure {
  std::string step;
  Error error;
};
/// Nothing: it works.
using Outcome = std::optional<Failure>;

template <typename Value>
Outcome FailedAt(const char* step, const Result<Value>& result) {
  if (result.ok()) return std::nullopt;
  return Failure{step, result.error()};
}

/// What several trials need. Everything made goes with it.
class Bench {
 public:
  Bench() : kernel_(KernelTypes::Read()), own_(OwnTypes::Load()) {}

  const Result<OwnTypes>& own() const { return own_; }
  Result<uint32_t> Function(const std::string& name) const;
  Result<uint32_t> Tracepoint(const std::string& name) const;
  /// The smallest map of the type; made once.
  const Result<UniqueFd>& Map(bpf_map_type type);

 private:
  const Result<KernelTypes> kernel_;
  const Result<OwnTypes> own_;
  std::map<bpf_map_type, Result<UniqueFd>> maps_;
};

/// An array that is read through memory: it is really mapped.
Outcome TryMappedArray();

/// Sonde's own programs, as they are loaded for sampling.
Outcome TrySampler();
Outcome TryPerfEvent();
Outcome TryRawTracepoint();
/// tp_btf, iterators, fentry: a program for one `target` of the kernel's types.
Outcome TryTracing(bpf_attach_type type, const Result<uint32_t>& target);
Outcome TryKprobe();
Outcome TryUprobe();

/// A program for events, as the sampler's are, that makes `arguments` and calls the helper. It is loaded, never run.
Outcome TryHelper(bpf_func_id helper, Instructions arguments);
/// The same, where the first argument is a map.
Outcome TryMapHelper(Bench& bench, bpf_map_type type, bpf_func_id helper, Instructions arguments);
Outcome TryFindVma(const Bench& bench);

}  // namespace sonde::probe
