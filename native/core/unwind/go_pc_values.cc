#include "core/unwind/go_pc_values.h"

namespace sonde {

/// A number of seven bits a byte, least first.
bool GoPcValues::ReadNumber(uint32_t& number) {
  number = 0;
  for (unsigned shift = 0; shift < 35; shift += 7) {
    if (at_ == bytes_.size()) return false;
    const uint8_t byte = bytes_[at_++];
    number |= static_cast<uint32_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return true;
  }
  return false;
}

bool GoPcValues::Next() {
  if (complete_) return false;
  const bool first = at_ == 0;
  uint32_t change;
  uint32_t instructions;
  if (!ReadNumber(change)) return false;
  if (change == 0 && !first) {
    complete_ = true;
    return false;
  }
  if (!ReadNumber(instructions)) return false;
  // The sign is the lowest bit. Unsigned, as damaged numbers may wrap.
  const uint32_t difference = (change & 1) != 0 ? ~(change >> 1) : change >> 1;
  value_ = static_cast<int32_t>(static_cast<uint32_t>(value_) + difference);
  end_ += uint64_t{instructions} * quantum_;
  return true;
}

}  // namespace sonde
