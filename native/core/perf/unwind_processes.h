#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/perf/address_space.h"
#include "core/perf/code_library.h"
#include "core/perf/process_record.h"
#include "core/perf/stack_roots.h"
#include "core/perf/unwind_loader.h"
#include "core/unwind/unwinder.h"

namespace sonde {

/// Whether the samples of a process are to bring the chain that the kernel finds by frame pointers.
struct ChainWish {
  uint32_t pid = 0;
  bool wanted = true;
};

/// What the processes that are sampled have mapped at this moment, for unwinding. The window's own ProcessTable knows the
/// same only when the window closes. A process that was there before is read from /proc at its first sample. Owned by one
/// thread.
class UnwindProcesses {
 public:
  UnwindProcesses(UnwindLoader& loader, CodeLibrary& library);

  /// Records in order of time.
  void Apply(const ProcessRecord& record);
  void Add(UnwindLoader::LoadedProcess loaded);
  /// Whether it began while events were being read.
  bool KnowsStartOf(uint32_t pid) const {
    const auto found = processes_.find(pid);
    return found != processes_.end() && found->second.began_at != 0;
  }
  /// The code of process `pid` at `time`, when it was at `instruction`. Valid until the next call of anything here.
  CodeMap& CodeOf(uint32_t pid, uint64_t time, uint64_t instruction);
  // Both are about the process of the last CodeOf.
  /// Notes how a stack begins that was followed to its root, and is the first one's of a process or another thread's.
  void LearnRoot(bool first_thread, std::span<const uint64_t> frames);
  /// Adds the frames of the C library behind its call of main, or of a thread's function, where they are known. False
  /// where they are not.
  bool AddRoot(std::vector<uint64_t>& frames);
  /// The V8 that runs in it, as far as its code has been asked for.
  V8ImagePtr V8() const { return process_->v8; }
  /// When it became the program that it is; 0 where it was so before.
  uint64_t BeganAt() const { return process_->began_at; }

  /// Notes whether the kernel's chain helped with a sample, or could have.
  void NoteChain(bool helps);
  /// What has been settled since the last call.
  std::vector<ChainWish> TakeChainWishes() { return std::exchange(chain_wishes_, {}); }

  /// No sample of the past will come, and none waits: forgets what was mapped before, and who was not sampled lately.
  void ForgetPast();

 private:
  struct Process {
    enum class State : uint8_t { kUnknown, kAsked, kKnown, kUnreadable };
    enum class Chain : uint8_t { kOnTrial, kNeeded, kNotNeeded };
    enum class Jit : uint8_t { kKeepsFramePointers, kUnknown, kAsked, kLosesFramePointers };
    uint32_t pid = 0;
    State state = State::kUnknown;
    Jit jit = Jit::kKeepsFramePointers;
    Chain chain = Chain::kOnTrial;
    /// Samples that did without the chain.
    uint8_t without_chain = 0;
    AddressSpace space = {};
    /// Records that came while /proc was being read.
    std::vector<ProcessRecord> waiting = {};
    /// What it forked while it was being read: they begin with what it has mapped.
    std::vector<uint32_t> children = {};
    /// Of the process that it waits for; 0 for none.
    uint32_t parent = 0;
    RowAllowance allowance = {};
    V8ImagePtr v8 = {};
    uint64_t asked_at = 0;
    /// When it began, or became another program.
    uint64_t began_at = 0;
    /// Number of its first epoch among all spaces; as many as it has epochs belong to it.
    uint32_t first_space = 0;
    uint32_t spaces = 0;
    bool sampled = false;
    bool gone = false;
    /// Since it was sampled last.
    uint8_t idle_windows = 0;
    /// Whether a stack of its first thread, or of another one, has been learnt from.
    bool taught_first = false;
    bool taught_other = false;
  };

  /// A known answer.
  struct CacheLine {
    uint64_t address = 0;
    uint32_t space = 0;
    Code code = {};
  };

  class Map final : public CodeMap {
   public:
    explicit Map(UnwindProcesses& owner) : owner_(owner) {}
    Code At(uint64_t address) override { return owner_.At(address); }
    std::optional<CfiRow> RulesAt(uint64_t address) override { return owner_.RulesAt(address); }

   private:
    UnwindProcesses& owner_;
  };

  Code At(uint64_t address);
  std::optional<CfiRow> RulesAt(uint64_t address);
  Code Slowly(uint64_t address);
  Code InGeneratedCode();
  void Ask(Process& process);
  void ApplyTo(Process& process, const ProcessRecord& record);
  void ApplyMmap(Process& process, const ProcessRecord& record);
  void ApplyFork(Process& process, const ProcessRecord& record);
  void Inherit(Process& child, const Process& parent);
  void ReleaseChildren(Process& parent);
  void ApplyWaiting(Process& process, uint64_t as_of);
  void FlushIfForgotten();
  void Restart(Process& process, uint64_t time);
  uint32_t SpaceOf(Process& process, uint32_t epoch);
  std::optional<StackRoots::Place> PlaceOf(uint64_t return_address);
  std::optional<uint64_t> StartOfProgram();

  UnwindLoader& loader_;
  CodeLibrary& library_;
  ImageRegistry images_;
  StackRoots roots_;
  std::unordered_map<uint32_t, Process> processes_;
  const uint32_t generated_name_;
  uint32_t next_space_ = 1;

  /// Whether there was a sample: before the first, processes are shown that nobody has asked for.
  bool sampled_ = false;
  std::vector<CacheLine> cache_;
  uint64_t cache_generation_ = 0;

  // What CodeOf was asked for.
  Process* process_ = nullptr;
  uint32_t epoch_ = 0;
  uint32_t space_ = 0;
  uint64_t now_ = 0;
  Map map_{*this};
  std::vector<ChainWish> chain_wishes_;
};

}  // namespace sonde
