#include "core/perf/unwind_processes.h"

#include <algorithm>

#include "core/base/clock.h"

namespace sonde {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr size_t kCacheLines = 8192;
/// While a process is being read. One that maps in a loop meanwhile is read again later.
constexpr size_t kMaxWaiting = 4096;
constexpr size_t kMaxChildren = 4096;
/// A process that has not been sampled for so long is read anew when it is: it may be gone without a word, too.
constexpr uint8_t kMaxIdleWindows = 6;
/// CPU time that the rows of a process may take: so much at once, and a fiftieth of the time since. A row of libc takes
/// 0.3 µs; forged ones take a thousand times that, at a new instruction with each sample.
constexpr uint64_t kRowsAtOnce = 50'000'000;
constexpr uint64_t kRowsShare = 50;

MappedRange RangeOf(const ProcessRecord& record, ImageRegistry& images) {
  return {.start = record.start,
          .end = record.end,
          .file_offset = record.file_offset,
          .protection = record.protection,
          .flags = record.flags,
          .image = images.Intern(record.text, record.file)};
}

MappedRange RangeOf(const ScannedMapping& mapping, ImageRegistry& images) {
  return {.start = mapping.start,
          .end = mapping.end,
          .file_offset = mapping.file_offset,
          .protection = mapping.protection,
          .flags = mapping.flags,
          .image = images.Intern(mapping.path, mapping.file)};
}

/// So many samples of a process that do without the kernel's chain, and the next ones will.
constexpr uint8_t kSamplesWithoutChain = 16;

}  // namespace

UnwindProcesses::UnwindProcesses(UnwindLoader& loader, CodeLibrary& library)
    : loader_(loader),
      library_(library),
      generated_name_(library.names().Add("code made at run time")),
      cache_(kCacheLines) {}

// --- what processes map --------------------------------------------------------------------------

void UnwindProcesses::Apply(const ProcessRecord& record) {
  if (record.kind == ProcessEventKind::kFork && record.pid == record.parent_pid)
    return;  // a thread
  Process& process = processes_[record.pid];
  process.pid = record.pid;
  const bool begins = record.kind == ProcessEventKind::kFork ||
                      (record.kind == ProcessEventKind::kComm && record.exec);
  // What nobody has asked for yet may be shown in a moment, as of a moment ago.
  const bool may_be_shown = process.state == Process::State::kUnknown && !sampled_;
  if ((process.state == Process::State::kAsked || may_be_shown) && !begins) {
    if (process.waiting.size() < kMaxWaiting) process.waiting.push_back(record);
    return;
  }
  ApplyTo(process, record);
}

void UnwindProcesses::ApplyTo(Process& process, const ProcessRecord& record) {
  switch (record.kind) {
    case ProcessEventKind::kComm:
      if (record.exec) {
        Restart(process, record.time);
        process.state = Process::State::kKnown;
      }
      break;
    case ProcessEventKind::kMmap:
      if (process.state == Process::State::kKnown) ApplyMmap(process, record);
      break;
    case ProcessEventKind::kFork:
      ApplyFork(process, record);
      break;
    case ProcessEventKind::kExit:
      process.gone = process.gone || record.tid == record.pid;
      break;
  }
}

void UnwindProcesses::ApplyMmap(Process& process, const ProcessRecord& record) {
  if (record.end <= record.start) return;
  if (record.text.ends_with("/libjvm.so")) process.jit = Process::Jit::kUnknown;
  process.space.Map(RangeOf(record, images_), record.time);
}

void UnwindProcesses::ApplyFork(Process& process, const ProcessRecord& record) {
  Restart(process, record.time);
  Process& parent = processes_[record.parent_pid];
  parent.pid = record.parent_pid;
  if (parent.state == Process::State::kKnown) {
    Inherit(process, parent);
    return;
  }
  // A child is often gone before it could be read itself; who forks, stays.
  if (parent.state == Process::State::kUnknown) Ask(parent);
  process.state = Process::State::kUnknown;
  if (parent.state != Process::State::kAsked || parent.children.size() >= kMaxChildren) return;
  parent.children.push_back(process.pid);
  process.parent = parent.pid;
  process.state = Process::State::kAsked;
}

void UnwindProcesses::Inherit(Process& child, const Process& parent) {
  child.space.CopyFrom(parent.space);
  child.v8 = parent.v8;
  // What the parent asked is answered to the parent.
  child.jit = parent.jit == Process::Jit::kAsked ? Process::Jit::kUnknown : parent.jit;
  child.state = Process::State::kKnown;
}

/// The parent has been read, or could not be.
void UnwindProcesses::ReleaseChildren(Process& parent) {
  for (const uint32_t pid : std::exchange(parent.children, {})) {
    const auto found = processes_.find(pid);
    // It may have become another program, or another process meanwhile.
    if (found == processes_.end() || found->second.parent != parent.pid) continue;
    Process& child = found->second;
    child.parent = 0;
    if (child.state != Process::State::kAsked) continue;
    if (parent.state == Process::State::kKnown) {
      Inherit(child, parent);
      ApplyWaiting(child, child.began_at);
      ReleaseChildren(child);
    } else {
      Ask(child);
    }
  }
}

/// What was mapped before is of another program.
void UnwindProcesses::Restart(Process& process, uint64_t time) {
  process.space.Clear(time);
  process.waiting.clear();
  process.parent = 0;
  process.taught_first = false;
  process.taught_other = false;
  process.jit = Process::Jit::kKeepsFramePointers;
  process.v8 = nullptr;
  process.gone = false;
  process.began_at = time;
  if (process.chain == Process::Chain::kNotNeeded) chain_wishes_.push_back({process.pid, true});
  process.chain = Process::Chain::kOnTrial;
  process.without_chain = 0;
}

void UnwindProcesses::NoteChain(bool helps) {
  Process& process = *process_;
  if (helps) {
    if (process.chain == Process::Chain::kNotNeeded) chain_wishes_.push_back({process.pid, true});
    process.chain = Process::Chain::kNeeded;
    return;
  }
  if (process.chain != Process::Chain::kOnTrial) return;
  if (++process.without_chain < kSamplesWithoutChain) return;
  process.chain = Process::Chain::kNotNeeded;
  chain_wishes_.push_back({process.pid, false});
}

void UnwindProcesses::Ask(Process& process) {
  process.state = Process::State::kAsked;
  process.asked_at = now_;
  loader_.LoadProcess(process.pid);
}

void UnwindProcesses::Add(UnwindLoader::LoadedProcess loaded) {
  Process& process = processes_[loaded.process.pid];
  process.pid = loaded.process.pid;
  if (process.jit == Process::Jit::kUnknown || process.jit == Process::Jit::kAsked ||
      !loaded.generated_code_keeps_frame_pointers) {
    process.jit = loaded.generated_code_keeps_frame_pointers ? Process::Jit::kKeepsFramePointers
                                                             : Process::Jit::kLosesFramePointers;
  }
  // It became another program meanwhile, whose mappings come as records.
  if (process.began_at > loaded.process.as_of) return;
  for (const ScannedMapping& mapping : loaded.process.mappings) {
    process.space.Supplement(RangeOf(mapping, images_));
  }
  // Gone, or nobody may look: that is not to say that it maps nothing.
  const bool known = !process.space.live().empty();
  process.state = known ? Process::State::kKnown : Process::State::kUnreadable;
  ApplyWaiting(process, loaded.process.as_of);
  ReleaseChildren(process);
}

void UnwindProcesses::ApplyWaiting(Process& process, uint64_t as_of) {
  for (const ProcessRecord& record : std::exchange(process.waiting, {})) {
    if (record.time >= as_of) ApplyTo(process, record);
  }
}

void UnwindProcesses::ForgetPast() {
  process_ = nullptr;
  for (auto& [pid, process] : processes_) {
    process.idle_windows = process.sampled ? 0 : static_cast<uint8_t>(process.idle_windows + 1);
    process.sampled = false;
    if (process.space.epochs() == 1) continue;
    process.space.EndWindow();
    process.spaces = 0;
  }
  std::erase_if(processes_, [](const auto& known) {
    const Process& process = known.second;
    const bool waits = process.state == Process::State::kAsked || !process.children.empty();
    const bool idle = process.idle_windows >= (process.gone ? 1 : kMaxIdleWindows);
    return idle && !waits;
  });
}

// --- what code is where --------------------------------------------------------------------------

CodeMap& UnwindProcesses::CodeOf(uint32_t pid, uint64_t time, uint64_t instruction) {
  Process& process = processes_[pid];
  process.pid = pid;
  process.sampled = true;
  sampled_ = true;
  now_ = MonotonicNow();
  if (process.allowance.since == 0) {
    process.allowance = {.at_once = kRowsAtOnce, .share = kRowsShare, .since = now_};
  }
  if (process.state == Process::State::kUnknown) Ask(process);
  library_.Tidy(now_);
  process_ = &process;
  epoch_ = process.space.epochs() == 1 ? 0 : process.space.EpochAt(time);
  space_ = SpaceOf(process, epoch_);
  // What was executed is mapped, so a record of it was lost, or is late.
  const bool unreadable = process.state == Process::State::kUnreadable;
  const bool lost = now_ - process.asked_at > kSecond &&
                    (unreadable || (process.state == Process::State::kKnown &&
                                    At(instruction).state == Code::State::kUnmapped));
  if (lost) Ask(process);
  return map_;
}

// --- how stacks begin ----------------------------------------------------------------------------

std::optional<StackRoots::Place> UnwindProcesses::PlaceOf(uint64_t return_address) {
  const AddressSpace::Mapped* mapped = process_->space.Find(return_address - 1, epoch_);
  if (mapped == nullptr || mapped->range.image->kind != ImageKind::kFile) return std::nullopt;
  const AddressBias bias = BiasOf(mapped->range);
  return StackRoots::Place{mapped->range.image, return_address - bias.bias};
}

void UnwindProcesses::LearnRoot(bool first_thread, std::span<const uint64_t> frames) {
  bool& taught = first_thread ? process_->taught_first : process_->taught_other;
  const size_t length = first_thread ? 3 : 2;
  // The innermost frame is no return address.
  if (taught || frames.size() <= length) return;
  taught = true;
  std::vector<StackRoots::Place> places;
  for (const uint64_t frame : frames.last(length)) {
    auto place = PlaceOf(frame);
    if (!place) return;
    places.push_back(std::move(*place));
  }
  roots_.Learn(places);
}

bool UnwindProcesses::AddRoot(std::vector<uint64_t>& frames) {
  if (frames.size() < 2) return false;
  const auto place = PlaceOf(frames.back());
  const auto next = place ? roots_.Behind(*place) : std::nullopt;
  if (!next) return false;
  std::vector<uint64_t> root = {next->svma + (frames.back() - place->svma)};
  if (next->has_start) {
    const auto start = StartOfProgram();
    if (!start) return false;
    root.push_back(*start);
  }
  frames.insert(frames.end(), root.begin(), root.end());
  return true;
}

/// The return address in `_start` of what the process runs.
std::optional<uint64_t> UnwindProcesses::StartOfProgram() {
  for (const auto& [start, mapped] : process_->space.live()) {
    const auto svma = roots_.StartOf(mapped.range.image);
    if (svma) return *svma + BiasOf(mapped.range).bias;
  }
  return std::nullopt;
}

/// A number that stands for the process as it was in the epoch, and for nothing else.
uint32_t UnwindProcesses::SpaceOf(Process& process, uint32_t epoch) {
  if (process.spaces != process.space.epochs()) {
    process.spaces = process.space.epochs();
    process.first_space = next_space_;
    next_space_ += process.spaces;
    if (next_space_ < process.first_space) {  // all numbers are used up
      std::ranges::fill(cache_, CacheLine{});
      for (auto& [pid, other] : processes_) other.spaces = 0;
      next_space_ = 1;
      return SpaceOf(process, epoch);
    }
  }
  return process.first_space + epoch;
}

void UnwindProcesses::FlushIfForgotten() {
  if (cache_generation_ == library_.generation()) return;
  std::ranges::fill(cache_, CacheLine{});
  cache_generation_ = library_.generation();
}

Code UnwindProcesses::At(uint64_t address) {
  // A row that was made for an earlier frame may have taken the place of what a line points to.
  FlushIfForgotten();
  const uint64_t product = (address ^ uint64_t{space_} << 40) * 0x9e3779b97f4a7c15;
  CacheLine& line = cache_[product >> 51];
  static_assert(kCacheLines == 1 << (64 - 51));
  if (line.address == address && line.space == space_) return line.code;
  const Code code = Slowly(address);
  FlushIfForgotten();
  if (code.state == Code::State::kKnown) line = {address, space_, code};
  return code;
}

Code UnwindProcesses::Slowly(uint64_t address) {
  Process& process = *process_;
  if (process.state == Process::State::kAsked) return {.state = Code::State::kPending};
  if (process.state == Process::State::kUnreadable) return {.state = Code::State::kLate};
  const AddressSpace::Mapped* mapped = process.space.Find(address, epoch_);
  if (mapped == nullptr) return {};
  switch (mapped->range.image->kind) {
    case ImageKind::kFile:
    case ImageKind::kVdso: {
      const Code code =
          library_.At(mapped->range, address,
                      {.pid = process.pid, .allowance = process.allowance, .now = now_});
      if (process.v8 == nullptr) process.v8 = library_.V8Of(*mapped->range.image);
      return code;
    }
    case ImageKind::kAnonymous:
    case ImageKind::kUnknown:
      break;
  }
  return InGeneratedCode();
}

std::optional<CfiRow> UnwindProcesses::RulesAt(uint64_t address) {
  Process& process = *process_;
  const AddressSpace::Mapped* mapped = process.space.Find(address, epoch_);
  if (mapped == nullptr) return std::nullopt;
  const ImageKind kind = mapped->range.image->kind;
  if (kind != ImageKind::kFile && kind != ImageKind::kVdso) return std::nullopt;
  return library_.RulesAt(mapped->range, address,
                          {.pid = process.pid, .allowance = process.allowance, .now = now_});
}

Code UnwindProcesses::InGeneratedCode() {
  Process& process = *process_;
  if (process.jit == Process::Jit::kUnknown) {
    process.jit = Process::Jit::kAsked;
    process.asked_at = now_;
    loader_.LoadProcess(process.pid);
  }
  if (process.jit == Process::Jit::kAsked) return {.state = Code::State::kPending};
  return {.state = Code::State::kKnown,
          .keeps_frame_pointers = process.jit == Process::Jit::kKeepsFramePointers,
          .generated = true,
          .name = generated_name_};
}

}  // namespace sonde
