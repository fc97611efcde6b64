#pragma once

#include <cstddef>
#include <span>

namespace sonde {

/// The object of native/bpf/sampler.bpf.c, which stands in the addon. Empty where it was built without clang.
std::span<const std::byte> SamplerObjectBytes();

}  // namespace sonde
