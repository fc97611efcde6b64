#include "core/bpf/object_bytes.h"

#ifdef SONDE_SAMPLER_OBJECT

asm(R"(
  .pushsection .rodata
  .balign 8
  .globl sonde_sampler_object
  .hidden sonde_sampler_object
sonde_sampler_object:
  .incbin ")" SONDE_SAMPLER_OBJECT R"("
  .globl sonde_sampler_object_end
  .hidden sonde_sampler_object_end
sonde_sampler_object_end:
  .popsection
)");

extern "C" {
extern const std::byte sonde_sampler_object[];
extern const std::byte sonde_sampler_object_end[];
}

namespace sonde {

std::span<const std::byte> SamplerObjectBytes() {
  return {sonde_sampler_object, sonde_sampler_object_end};
}

}  // namespace sonde

#else

namespace sonde {

std::span<const std::byte> SamplerObjectBytes() { return {}; }

}  // namespace sonde

#endif
