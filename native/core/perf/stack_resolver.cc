#include "core/perf/stack_resolver.h"

#include <linux/perf_event.h>

#include <algorithm>
#include <span>

#include "core/perf/window.h"

namespace sonde {
namespace {

constexpr uint32_t kKernelSpace = 0;
/// No code lies in the first page. A frame-pointer walk ends with what it finds in the outermost frame, often 0 or 1.
constexpr uint64_t kFirstCodeAddress = 4096;
constexpr uint32_t kMaxEpochs = 1 << 20;

/// User space ends below it, on every architecture.
constexpr uint64_t kUpperHalf = uint64_t{1} << 63;

/// A call chain without its markers.
struct Chain {
  std::span<const uint64_t> kernel;
  std::span<const uint64_t> user;
  /// Frames of a guest or of the hypervisor, which belong to no process here.
  size_t others = 0;

  size_t size() const { return kernel.size() + user.size() + others; }
};

/// The user's part is the last one (get_perf_callchain), and its words come from the process's memory: one that looks
/// like a marker would otherwise turn what follows into frames of the kernel.
Chain Split(std::span<const uint64_t> words) {
  Chain chain;
  while (!words.empty()) {
    const bool marked = IsMarker(words[0]);
    const uint64_t marker = marked ? words[0] : 0;
    if (marked) words = words.subspan(1);
    const auto end = marker == static_cast<uint64_t>(PERF_CONTEXT_USER)
                         ? words.end()
                         : std::find_if(words.begin(), words.end(), IsMarker);
    const std::span<const uint64_t> part(words.begin(), end);
    words = words.subspan(part.size());
    if (marker == static_cast<uint64_t>(PERF_CONTEXT_KERNEL)) {
      chain.kernel = part;
    } else if (marker == static_cast<uint64_t>(PERF_CONTEXT_USER)) {
      chain.user = part;
    } else {
      chain.others += part.size();
    }
  }
  return chain;
}

}  // namespace

StackResolver::StackResolver(const StackInterner& raw, Tables tables)
    : raw_(raw), tables_(tables), plain_(raw.size()) {
  tables_.stacks.Reserve(raw.size(), raw.words());
}

uint32_t StackResolver::Resolve(uint32_t raw_stack, uint64_t time, uint32_t max_stack) {
  const StackInterner::RawStack& raw = raw_.at(raw_stack);
  Variant variant{.process = tables_.processes.Find(raw.pid), .pid = raw.pid};
  if (variant.process != nullptr && variant.process->space.epochs() > 1) {
    variant.epoch = std::min(variant.process->space.EpochAt(time), kMaxEpochs);
  }
  // The kernel counts the frames of kernel and user together, and the markers apart (perf_callchain_store). A chain that
  // just fits cannot be told from one that was cut.
  variant.truncated = raw.length >= max_stack && Split(raw.chain()).size() >= max_stack;
  const bool plain = variant.epoch == 0 && !variant.truncated;
  const uint64_t key =
      uint64_t{raw_stack} << 32 | variant.epoch << 1 | (variant.truncated ? 1U : 0U);
  uint32_t& known = plain ? plain_[raw_stack] : others_[key];
  if (known == 0) {
    variant.space = SpaceOf(raw.pid, variant.epoch);
    const uint32_t made = Make(raw, variant) + 1;
    known = made;
  }
  return known - 1;
}

uint32_t StackResolver::Make(const StackInterner::RawStack& raw, const Variant& variant) {
  const Chain chain = Split(raw.chain());
  scratch_.clear();
  for (size_t index = 0; index < chain.kernel.size(); index++) {
    scratch_.push_back(KernelFrame(chain.kernel[index], index > 0));
  }
  bool astray = false;
  for (size_t index = 0; index < chain.user.size() && !astray; index++) {
    const uint64_t address = chain.user[index];
    astray = address >= kUpperHalf;
    if (!astray && (index == 0 || address >= kFirstCodeAddress)) {
      scratch_.push_back(UserFrame(address, index > 0, variant));
    }
  }
  if (astray) return Broken("[broken: bad frame pointer]");
  if (variant.truncated) return Broken("[truncated: max stack]");
  return tables_.stacks.Add(scratch_, StackState::kUnverified);
}

/// The stack of the frames so far, ending in the reason why it ends.
uint32_t StackResolver::Broken(const char* reason) {
  const uint32_t text = tables_.strings.Add(reason);
  scratch_.push_back(tables_.frames.Add({.kind = FrameKind::kReason, .address = text}));
  return tables_.stacks.Add(scratch_, StackState::kBroken);
}

uint32_t StackResolver::KernelFrame(uint64_t address, bool return_address) {
  return cache_.Get(kKernelSpace | (return_address ? 1U : 0U), address, [&] {
    return tables_.frames.Add(
        {.kind = FrameKind::kKernel, .return_address = return_address, .address = address});
  });
}

uint32_t StackResolver::UserFrame(uint64_t address, bool return_address, const Variant& variant) {
  return cache_.Get(variant.space | (return_address ? 1U : 0U), address, [&] {
    return tables_.frames.Add({.kind = FrameKind::kNative,
                               .return_address = return_address,
                               .mapping = MappingAt(address, return_address, variant),
                               .address = address});
  });
}

uint32_t StackResolver::MappingAt(uint64_t address, bool return_address, const Variant& variant) {
  if (variant.process == nullptr) return tables_.mappings.UnknownRow(variant.pid);
  AddressSpace& space = variant.process->space;
  // A call may be the last instruction of a mapping: the return address then lies behind it.
  const uint64_t inside = return_address ? address - 1 : address;
  AddressSpace::Mapped* mapped = space.Find(inside, variant.epoch);
  const bool now = variant.epoch + 1 == space.epochs();
  if (mapped == nullptr && !return_address && now) {
    // The instruction itself was executed, so something is mapped there that no record told of. An address that a walk
    // without frame pointers made up proves nothing.
    ReadAgain(*variant.process);
    mapped = space.Find(inside, variant.epoch);
  }
  return mapped == nullptr ? tables_.mappings.UnknownRow(variant.pid)
                           : tables_.mappings.RowOf(variant.pid, *mapped);
}

void StackResolver::ReadAgain(Process& process) {
  if (process.gone || !read_again_.insert(process.pid).second) return;
  ScannedProcess scanned{.pid = process.pid};
  scanned.mappings = ProcReader().Mappings(static_cast<pid_t>(process.pid));
  tables_.processes.AddScanned(scanned);
}

/// Even numbers from 2: the lowest bit says that an address is a return address.
uint32_t StackResolver::SpaceOf(uint32_t pid, uint32_t epoch) {
  const auto number = static_cast<uint32_t>((spaces_.size() + 1) * 2);
  return spaces_.try_emplace(uint64_t{pid} << 32 | epoch, number).first->second;
}

}  // namespace sonde
