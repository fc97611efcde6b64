#include "core/perf/stack_resolver.h"

#include <algorithm>
#include <span>

#include "core/perf/unwind_reason.h"
#include "core/perf/window.h"

namespace sonde {
namespace {

constexpr uint32_t kKernelSpace = 0;
/// No code lies in the first page. A frame-pointer walk ends with what it finds in the outermost frame, often 0 or 1.
constexpr uint64_t kFirstCodeAddress = 4096;
constexpr uint32_t kMaxEpochs = 1 << 20;

/// User space ends below it, on every architecture.
constexpr uint64_t kUpperHalf = uint64_t{1} << 63;

/// What stands in place of a function of JavaScript that has no name.
std::string NamelessReason(V8Answer::State state) {
  switch (state) {
    case V8Answer::State::kNamed:
      break;
    case V8Answer::State::kMoved:
      return "[JavaScript: function moved]";
    case V8Answer::State::kNoCode:
      return "[JavaScript: code not known]";
    case V8Answer::State::kUnreadable:
      return "[JavaScript: memory not readable]";
    case V8Answer::State::kLate:
      return "[JavaScript: not read in time]";
    case V8Answer::State::kUnknownVersion:
      return "[JavaScript: this V8 is not known]";
  }
  return "";
}

}  // namespace

StackResolver::StackResolver(const StackInterner& raw, Legend legend, Tables tables)
    : raw_(raw), legend_(legend), tables_(tables), plain_(raw.size()) {
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
  variant.truncated = raw.length >= max_stack && !UnwoundChain::From(raw.chain()) &&
                      CallChain::Split(raw.chain()).size() >= max_stack;
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
  scratch_.clear();
  const auto unwound = UnwoundChain::From(raw.chain());
  return unwound ? MakeUnwound(*unwound, variant)
                 : MakeOfKernel(CallChain::Split(raw.chain()), variant);
}

uint32_t StackResolver::MakeUnwound(const UnwoundChain& chain, const Variant& variant) {
  AddKernelFrames(chain.kernel);
  for (size_t index = 0; index < chain.user.size(); index++) {
    const bool exact = index == 0 || (chain.user[index] & kExactAddress) != 0;
    const uint64_t address = chain.user[index] & ~kExactAddress;
    const bool has_function =
        index + 1 < chain.user.size() && (chain.user[index + 1] & kFrameFunction) != 0;
    if (has_function) {
      const auto number = static_cast<uint32_t>(chain.user[++index]);
      scratch_.push_back(FrameWithFunction(address, !exact, number, variant));
    } else {
      scratch_.push_back(UserFrame(address, !exact, variant));
    }
  }
  if (chain.outcome.end == UnwindEnd::kComplete) {
    return tables_.stacks.Add(scratch_, StackState::kComplete);
  }
  if (chain.outcome.end == UnwindEnd::kUnverified) {
    return tables_.stacks.Add(scratch_, StackState::kUnverified);
  }
  const uint32_t name = chain.outcome.name;
  return Broken(
      ReasonOf(chain.outcome.end, name < legend_.names.size() ? legend_.names[name] : ""));
}

/// A chain that the kernel found by frame pointers.
uint32_t StackResolver::MakeOfKernel(const CallChain& chain, const Variant& variant) {
  AddKernelFrames(chain.kernel);
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
  const bool kernel_only = chain.user.empty() && chain.others == 0;
  return tables_.stacks.Add(scratch_, kernel_only ? StackState::kKernel : StackState::kUnverified);
}

void StackResolver::AddKernelFrames(std::span<const uint64_t> addresses) {
  for (size_t index = 0; index < addresses.size(); index++) {
    scratch_.push_back(KernelFrame(addresses[index], index > 0));
  }
}

/// The stack of the frames so far, ending in the reason why it ends.
uint32_t StackResolver::Broken(const std::string& reason) {
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

/// Its function is not part of what the cache tells apart: the interpreter is at one address for all of them.
uint32_t StackResolver::FrameWithFunction(uint64_t address, bool return_address, uint32_t function,
                                          const Variant& variant) {
  const uint32_t mapping = MappingAt(address, return_address, variant);
  const ImageKind kind = tables_.mappings.rows()[mapping].range.image->kind;
  const bool generated = kind == ImageKind::kAnonymous || kind == ImageKind::kUnknown;
  return tables_.frames.Add({.kind = FrameKind::kNative,
                             .return_address = return_address,
                             .mapping = mapping,
                             .address = address,
                             .function = FunctionOf(function, generated)});
}

/// 1 + row; 0 where there is nothing to say. A file's own symbols say more than that its function is not known.
uint32_t StackResolver::FunctionOf(uint32_t number, bool generated) {
  const auto known = legend_.functions.find(number);
  if (known == legend_.functions.end()) return 0;
  const V8Answer& answer = known->second;
  if (answer.functions.empty() && !generated) return 0;
  const uint32_t language = tables_.strings.Add("v8js");
  if (answer.functions.empty()) {
    const uint32_t reason = tables_.strings.Add(NamelessReason(answer.state));
    return tables_.functions.Add({.language = language, .function = reason}) + 1;
  }
  uint32_t row = 0;
  for (auto function = answer.functions.rbegin(); function != answer.functions.rend(); ++function) {
    row = 1 + tables_.functions.Add({.language = language,
                                     .function = tables_.strings.Add((*function)->name),
                                     .file = tables_.strings.Add((*function)->file),
                                     .line = (*function)->line,
                                     .inlined_into = row});
  }
  return row;
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
