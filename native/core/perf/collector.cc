#include "core/perf/collector.h"

#include <algorithm>

#include "core/base/clock.h"

namespace sonde {
namespace {

KernelSymbolRow KernelSymbolRowOf(const KernelSymbolRecord& symbol, uint64_t time) {
  KernelSymbolKind kind = KernelSymbolKind::kOther;
  if (symbol.type == PERF_RECORD_KSYMBOL_TYPE_BPF) kind = KernelSymbolKind::kBpf;
  if (symbol.type == PERF_RECORD_KSYMBOL_TYPE_OOL) kind = KernelSymbolKind::kOutOfLine;
  return {.kind = kind,
          .gone = symbol.gone,
          .time = time,
          .start = symbol.start,
          .length = symbol.length,
          .name = std::string(symbol.name)};
}

}  // namespace

Collector::Collector(const SamplerOptions& options, KernelFeatures features, size_t rings,
                     uint64_t seed)
    : options_(options),
      features_(features),
      rings_(rings),
      seed_(seed),
      last_source_(rings),
      full_at_(rings),
      gate_(seed),
      current_(NewWindow()),
      totals_(options.sessions.size()) {}

std::unique_ptr<Window> Collector::NewWindow() const {
  return std::make_unique<Window>(
      WindowOptions{
          .max_samples = options_.max_samples_per_window,
          .max_stack_bytes = options_.max_stack_bytes_per_window,
          // Of a process's event only the changes that the process itself makes are reported.
          .reports_kernel_symbols =
              features_.ksymbol && options_.target.kind == TargetOptions::Kind::kCpus},
      rings_, options_.sessions.size(), seed_);
}

void Collector::Know(const std::vector<SampledEvent>& sampled, const std::vector<CpuRing>& rings,
                     const CountCaptured& captured) {
  const std::vector<uint64_t> idle = IdleOfCpus();
  idle_at_start_.resize(std::max(idle_at_start_.size(), idle.size()));
  for (size_t ring = 0; ring < rings.size(); ring++) {
    const auto cpu = static_cast<size_t>(rings[ring].cpu);
    if (ring_of_cpu_.size() <= cpu) ring_of_cpu_.resize(cpu + 1);
    ring_of_cpu_[cpu] = static_cast<uint32_t>(ring);
  }
  for (size_t place = 0; place < sampled.size(); place++) {
    const SampledEvent& event = sampled[place];
    if (!event.event.IsOpen() || event.superseded || source_numbers_.contains(event.event.id()))
      continue;
    const SessionOptions& session = options_.sessions[event.session];
    layouts_.Set(event.event.id(),
                 {.implied_period = session.PeriodIsImplied() ? session.period : 0,
                  .captured = session.stack_bytes != 0,
                  .cgroup = features_.cgroup,
                  .group_words = GroupWords(session)});
    Source& source = SourceFor(event, rings, captured);
    source.events.push_back(place);
    if (source.cpu < idle.size()) idle_at_start_[source.cpu] = idle[source.cpu];
    source_numbers_[event.event.id()] = static_cast<uint32_t>(&source - sources_.data());
  }
}

Collector::Source& Collector::SourceFor(const SampledEvent& event,
                                        const std::vector<CpuRing>& rings,
                                        const CountCaptured& captured) {
  const auto same = [&](const Source& source) {
    return !source.ended && source.session == event.session && source.ring == event.ring;
  };
  if (Captures()) {
    const auto known = std::ranges::find_if(sources_, same);
    if (known != sources_.end()) return *known;
  }
  Source& source = sources_.emplace_back(Source{.session = event.session,
                                                .ring = event.ring,
                                                .cpu = static_cast<uint32_t>(rings[event.ring].cpu),
                                                .in_cgroup = event.in_cgroup});
  if (captured) source.captured_before = captured(source.cpu, source.session);
  const SessionOptions& session = options_.sessions[event.session];
  // With a modifier the clock ticks in the other mode too, and those ticks are no losses: they cannot be told apart.
  const bool countable = !session.exclude_user && !session.exclude_kernel;
  if (session.clock && countable && !session.leader_sampling)
    source.ledger.emplace(session.ClockPeriod(), MonotonicNow());
  return source;
}

void Collector::TellCgroups(CgroupTree& tree) {
  cgroups_ = &tree;
  gate_.TellCgroups(tree);
  // The BPF programs say it of every sample.
  if (!features_.cgroup && !Captures()) process_cgroups_.emplace(tree);
}

void Collector::OnRecord(size_t ring, std::span<const std::byte> bytes) {
  Record record = ParseRecord(bytes, layouts_);
  if (auto* sample = std::get_if<SampleRecord>(&record.body); sample && process_cgroups_) {
    sample->cgroup = process_cgroups_->CgroupOf(sample->pid, sample->time);
  }
  struct Visitor {
    Collector& self;
    size_t ring;
    const Record& record;
    void operator()(const SampleRecord& sample) const { self.OnSample(ring, sample); }
    void operator()(const CommRecord& comm) const { Add(ProcessRecordOf(comm, record.time)); }
    void operator()(const MmapRecord& mmap) const { Add(ProcessRecordOf(mmap, record.time)); }
    void operator()(const TaskRecord& task) const {
      if (task.exit) self.group_counts_.OnExit(task.tid);
      Add(ProcessRecordOf(task, record.time));
    }
    void Add(ProcessRecord bookkeeping) const {
      Window& window = self.WindowAt(bookkeeping.time);
      window.AddRecord(std::move(bookkeeping));
    }
    void operator()(const LostRecord& lost) const {
      self.OnLost(ring, lost, record.time, record.cpu);
    }
    void operator()(const LostSamplesRecord& lost) const {
      // The hardware's buffer ran over: nobody ever had these.
      const Source* source = self.SourceOf(record.id);
      if (source == nullptr || !self.bounds_.Contains(record.time)) return;
      self.Lose(source->session, LossReason::kMissed, lost.count);
    }
    void operator()(const ThrottleRecord& throttle) const {
      self.OnThrottle(throttle, record.time);
    }
    void operator()(const KernelSymbolRecord& symbol) const {
      self.WindowAt(record.time).AddKernelSymbol(KernelSymbolRowOf(symbol, record.time));
    }
    void operator()(const CgroupRecord& made) const {
      if (self.cgroups_ != nullptr) self.cgroups_->Learn(made.cgroup, made.path);
    }
    void operator()(const OtherRecord&) const {}
    void operator()(const MalformedRecord& malformed) const { self.OnMalformed(malformed); }
  };
  std::visit(Visitor{*this, ring, record}, record.body);
}

void Collector::Foresee(std::span<const std::byte> bytes) {
  const Record record = ParseRecord(bytes, layouts_);
  if (const auto* made = std::get_if<CgroupRecord>(&record.body); made && cgroups_ != nullptr) {
    cgroups_->Learn(made->cgroup, made->path);
  }
  if (auto bookkeeping = ProcessRecordOf(record)) foreseen_.push_back(std::move(*bookkeeping));
}

void Collector::Settle() {
  std::ranges::stable_sort(foreseen_, {}, &ProcessRecord::time);
  for (const ProcessRecord& record : foreseen_) {
    if (unwinder_ != nullptr) unwinder_->Apply(record);
    if (process_cgroups_) ApplyToCgroups(record);
    gate_.Apply(record);
    if (on_process_) on_process_(record);
  }
  foreseen_.clear();
}

void Collector::ApplyToCgroups(const ProcessRecord& record) {
  switch (record.kind) {
    case ProcessEventKind::kFork:
      return process_cgroups_->OnFork(record.parent_pid, record.pid);
    case ProcessEventKind::kComm:
      if (record.exec) process_cgroups_->OnExec(record.pid);
      return;
    case ProcessEventKind::kExit:
      if (record.pid == record.tid) process_cgroups_->OnExit(record.pid);
      return;
    case ProcessEventKind::kMmap:
      return;
  }
}

uint8_t Collector::GroupWords(const SessionOptions& session) const {
  if (!session.ReadsGroup()) return 0;
  return features_.lost_count ? 3 : 2;
}

/// As perf delivers them: a sample of each event that has counted, of what it has counted.
void Collector::OnGroup(size_t ring, const SampleRecord& sample) {
  const size_t words = features_.lost_count ? 3 : 2;
  const bool whole_cpus = options_.target.kind == TargetOptions::Kind::kCpus;
  for (size_t at = 0; at + words <= sample.group.size(); at += words) {
    SampleRecord member = sample;
    member.group = {};
    member.id = sample.group[at + 1];
    member.period = group_counts_.Since(member.id, whole_cpus ? 0 : sample.tid, sample.group[at]);
    if (member.period != 0) OnSample(ring, member);
  }
}

void Collector::OnSample(size_t ring, const SampleRecord& sample) {
  if (!sample.group.empty()) return OnGroup(ring, sample);
  auto& [last_id, last_number] = last_source_[ring];
  // 0 is no event's id, but where a ring begins.
  if (last_id != sample.id || sample.id == 0) {
    const auto found = source_numbers_.find(sample.id);
    if (found == source_numbers_.end()) return OnMalformed({PERF_RECORD_SAMPLE});
    last_id = sample.id;
    last_number = found->second;
  }
  Source& source = sources_[last_number];
  (sample.time > source.read_at ? source.arrived_after : source.arrived)++;
  if (source.before && sample.time <= source.before->read_at) source.before->reading.arrived++;
  if (!bounds_.Contains(sample.time)) return LeaveOut(source.session, LeftOutReason::kOverlap, 1);
  if (gate_.open()) return AddSample(ring, source.session, sample);
  const SampleGate::Verdict verdict = gate_.Decide(sample);
  if (verdict.left_out) return LeaveOut(source.session, *verdict.left_out, 1);
  SampleRecord weighted = sample;
  weighted.period *= verdict.factor;
  AddSample(ring, source.session, weighted);
}

void Collector::OnCaptured(const CapturedSample& sample) {
  const uint32_t cpu = sample.record.cpu;
  const bool known = cpu < ring_of_cpu_.size() && ring_of_cpu_[cpu].has_value() &&
                     sample.session < options_.sessions.size();
  if (!known) return OnMalformedCapture();
  NoticeReuse(sample);
  if (!bounds_.Contains(sample.record.time)) {
    return LeaveOut(sample.session, LeftOutReason::kOverlap, 1);
  }
  AddSample(*ring_of_cpu_[cpu], sample.session, sample.record);
}

/// Whether the number is another process's now, and its FORK did not come: then what is known of it is of the old one, and
/// /proc is read again.
void Collector::NoticeReuse(const CapturedSample& sample) {
  // Each CPU has an idle task of its own, and all have this number.
  if (sample.record.pid == 0) return;
  const auto [known, added] = start_times_.try_emplace(sample.record.pid, sample.start_time);
  if (added || known->second == sample.start_time) return;
  known->second = sample.start_time;
  if (unwinder_ == nullptr || unwinder_->KnowsStartOf(sample.record.pid)) return;
  current_->AddDroppedRecords(1);
}

void Collector::AddSample(size_t ring, uint32_t session, const SampleRecord& sample) {
  const SessionOptions& asked = options_.sessions[session];
  if (unwinder_ == nullptr || !StackUnwinder::CanUnwind(sample)) {
    Window& window = WindowAt(sample.time);
    const bool tells_leaf = sample.user_mode ? asked.user_stacks : asked.kernel_stacks;
    return Count(session, sample,
                 tells_leaf ? window.AddSample(ring, session, sample)
                            : window.AddChain(ring, session, sample, sample.chain));
  }
  const uint32_t max_stack = asked.max_stack;
  auto chain = unwinder_->Unwind(sample, max_stack);
  if (!chain && unwinder_->Park(ring, session, sample)) return;
  if (!chain) chain = unwinder_->UnwindNow(sample, max_stack);
  AddUnwound(ring, session, sample, *chain);
}

void Collector::AddUnwound(size_t ring, uint32_t session, const SampleRecord& sample,
                           std::span<const uint64_t> chain) {
  Count(session, sample, WindowAt(sample.time).AddChain(ring, session, sample, chain));
}

void Collector::Count(uint32_t session, const SampleRecord& sample, bool added) {
  SessionTotals& totals = totals_[session];
  if (!added) {
    totals.losses[static_cast<size_t>(LossReason::kTableFull)]++;
    return;
  }
  totals.taken++;
  if (totals.first_sample_time == 0 || sample.time < totals.first_sample_time) {
    totals.first_sample_time = sample.time;
  }
}

void Collector::Retry() {
  if (unwinder_ == nullptr || !unwinder_->TakeAnswers()) return;
  unwinder_->VisitParked([this](const StackUnwinder::Parked& parked) {
    const auto chain =
        unwinder_->Unwind(parked.sample, options_.sessions[parked.session].max_stack);
    if (chain) AddUnwound(parked.ring, parked.session, parked.sample, *chain);
    return chain.has_value();
  });
}

/// The window ends: what waits still, ends where its rows are missing.
void Collector::GiveUpWaiting() {
  unwinder_->VisitParked([this](const StackUnwinder::Parked& parked) {
    if (parked.sample.time >= boundary_) return false;
    const auto chain =
        unwinder_->UnwindNow(parked.sample, options_.sessions[parked.session].max_stack);
    AddUnwound(parked.ring, parked.session, parked.sample, chain);
    return true;
  });
  current_->SetFunctions(unwinder_->functions());
  unwinder_->EndWindow();
  current_->SetUnwindNames(unwinder_->names());
}

void Collector::OnLost(size_t ring, const LostRecord& lost, uint64_t time, uint32_t cpu) {
  full_at_[ring] = time;
  if (features_.lost_count) return;
  if (!bounds_.Contains(time)) return WindowAt(time).AddDroppedRecords(lost.count);
  // Only what is said of processes goes through perf's rings then.
  if (Captures()) return WindowAt(time).AddDroppedRecords(lost.count);
  // Without the events' own counts this is all there is. It counts every kind of record, and names the event that found
  // room again, not those that had none.
  const Source* source = SourceOf(lost.id);
  const uint32_t session = source == nullptr ? 0 : source->session;
  Lose(session, LossReason::kRingFull, lost.count);
  WindowAt(time).AddNotice(
      session, {.kind = NoticeKind::kLost, .time = time, .cpu = cpu, .count = lost.count});
  if (source == nullptr) WindowAt(time).AddDroppedRecords(1);
}

void Collector::OnThrottle(const ThrottleRecord& throttle, uint64_t time) {
  Source* source = SourceOf(throttle.id);
  if (source == nullptr) return;
  source->throttled = true;
  WindowAt(time).AddNotice(source->session, {.kind = throttle.throttled ? NoticeKind::kThrottle
                                                                        : NoticeKind::kUnthrottle,
                                             .time = time,
                                             .cpu = source->cpu});
}

void Collector::OnMalformed(const MalformedRecord& malformed) {
  if (malformed.type == PERF_RECORD_SAMPLE) {
    // Whose it was cannot be read either.
    Lose(0, LossReason::kMalformed, 1);
  } else {
    current_->AddDroppedRecords(1);
  }
}

void Collector::OnCorruptRing() {
  Lose(0, LossReason::kMalformed, 1);
  current_->AddDroppedRecords(1);
}

Collector::Source* Collector::SourceOf(uint64_t id) {
  const auto found = source_numbers_.find(id);
  return found == source_numbers_.end() ? nullptr : &sources_[found->second];
}

}  // namespace sonde
