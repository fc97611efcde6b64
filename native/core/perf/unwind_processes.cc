#include "core/perf/unwind_processes.h"

#include <algorithm>

#include "core/base/clock.h"

namespace sonde {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr size_t kCacheLines = 8192;
/// While a process is being read. One that maps in a loop meanwhile is read again later.
constexpr size_t kMaxWaiting = 4096;

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
  if (process.state == Process::State::kAsked && !begins) {
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
  const auto parent = processes_.find(record.parent_pid);
  if (parent == processes_.end() || parent->second.state != Process::State::kKnown) {
    process.state = Process::State::kUnknown;
    return;
  }
  process.space.CopyFrom(parent->second.space);
  process.jit = parent->second.jit;
  process.state = Process::State::kKnown;
}

/// What was mapped before is of another program.
void UnwindProcesses::Restart(Process& process, uint64_t time) {
  process.space.Clear(time);
  process.waiting.clear();
  process.taught_first = false;
  process.taught_other = false;
  process.jit = Process::Jit::kKeepsFramePointers;
  process.gone = false;
  process.began_at = time;
}

void UnwindProcesses::Ask(Process& process) {
  process.state = Process::State::kAsked;
  process.asked_at = now_;
  loader_.LoadProcess(process.pid);
}

void UnwindProcesses::Add(UnwindLoader::LoadedProcess loaded) {
  const auto found = processes_.find(loaded.process.pid);
  if (found == processes_.end()) return;
  Process& process = found->second;
  if (process.jit >= Process::Jit::kUnknown || !loaded.generated_code_keeps_frame_pointers) {
    process.jit = loaded.generated_code_keeps_frame_pointers ? Process::Jit::kKeepsFramePointers
                                                             : Process::Jit::kLosesFramePointers;
  }
  // It became another program meanwhile, whose mappings come as records.
  if (process.began_at > loaded.process.as_of) return;
  for (const ScannedMapping& mapping : loaded.process.mappings) {
    process.space.Supplement(RangeOf(mapping, images_));
  }
  process.state = Process::State::kKnown;
  for (const ProcessRecord& record : std::exchange(process.waiting, {})) {
    if (record.time >= loaded.process.as_of) ApplyTo(process, record);
  }
}

void UnwindProcesses::ForgetPast() {
  process_ = nullptr;
  std::erase_if(processes_,
                [](const auto& known) { return known.second.gone && !known.second.sampled; });
  for (auto& [pid, process] : processes_) {
    process.sampled = false;
    if (process.space.epochs() == 1) continue;
    process.space.EndWindow();
    process.spaces = 0;
  }
}

// --- what code is where --------------------------------------------------------------------------

CodeMap& UnwindProcesses::CodeOf(uint32_t pid, uint64_t time, uint64_t instruction) {
  Process& process = processes_[pid];
  process.pid = pid;
  process.sampled = true;
  now_ = MonotonicNow();
  if (process.state == Process::State::kUnknown) Ask(process);
  process_ = &process;
  epoch_ = process.space.epochs() == 1 ? 0 : process.space.EpochAt(time);
  space_ = SpaceOf(process, epoch_);
  if (cache_generation_ != library_.generation()) {
    std::ranges::fill(cache_, CacheLine{});
    cache_generation_ = library_.generation();
  }
  // What was executed is mapped, so a record of it was lost, or is late.
  const bool lost = process.state == Process::State::kKnown && !process.gone &&
                    now_ - process.asked_at > kSecond &&
                    At(instruction).state == Code::State::kUnmapped;
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

Code UnwindProcesses::At(uint64_t address) {
  const uint64_t product = (address ^ uint64_t{space_} << 40) * 0x9e3779b97f4a7c15;
  CacheLine& line = cache_[product >> 51];
  static_assert(kCacheLines == 1 << (64 - 51));
  if (line.address == address && line.space == space_) return line.code;
  const Code code = Slowly(address);
  if (code.state == Code::State::kKnown) line = {address, space_, code};
  return code;
}

Code UnwindProcesses::Slowly(uint64_t address) {
  Process& process = *process_;
  if (process.state == Process::State::kAsked) return {.state = Code::State::kPending};
  const AddressSpace::Mapped* mapped = process.space.Find(address, epoch_);
  if (mapped == nullptr) return {};
  switch (mapped->range.image->kind) {
    case ImageKind::kFile:
    case ImageKind::kVdso:
      return library_.At(mapped->range, address, process.pid, now_);
    case ImageKind::kAnonymous:
    case ImageKind::kUnknown:
      break;
  }
  return InGeneratedCode();
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
