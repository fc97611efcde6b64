#pragma once

#include <linux/bpf.h>

#include <array>
#include <cstdint>
#include <string>

#include "core/base/result.h"
#include "core/base/unique_fd.h"

struct btf;

namespace sonde::probe {

/// The types of the running kernel, as far as programs must be told what they are attached to.
class KernelTypes {
 public:
  static Result<KernelTypes> Read();
  KernelTypes(KernelTypes&& other) noexcept;
  KernelTypes& operator=(KernelTypes&&) = delete;
  ~KernelTypes();

  /// BTF ids; ENOENT where the kernel has none of the name.
  Result<uint32_t> Function(const std::string& name) const;
  Result<uint32_t> Tracepoint(const std::string& name) const;

 private:
  explicit KernelTypes(btf* types) : types_(types) {}
  Result<uint32_t> Find(const std::string& name, uint32_t kind) const;

  btf* types_;
};

/// The least BTF of our own: an int for keys and values, and two functions, of which the second may be a callback.
struct OwnTypes {
  static Result<OwnTypes> Load();

  UniqueFd fd;
  uint32_t integer = 0;
  std::array<uint32_t, 2> functions = {};
};

}  // namespace sonde::probe
