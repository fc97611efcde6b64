#include "core/perf/collector.h"

#include <algorithm>
#include <numeric>

#include "core/base/clock.h"
#include "core/perf/cpus.h"

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

// --- records -------------------------------------------------------------------------------------

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

// --- the end of a window -------------------------------------------------------------------------

void Collector::KeepFrom(uint64_t time, const EventSet& events, const CountCaptured& captured) {
  bounds_.from = time;
  current_->ForgetCounts();
  for (uint32_t session = 0; session < totals_.size(); session++) {
    totals_[session].losses = {};
    const LeftOutCounts left_out = std::exchange(totals_[session].left_out, {});
    LeaveOut(session, LeftOutReason::kOverlap,
             std::accumulate(left_out.begin(), left_out.end(), uint64_t{0}));
  }
  ReadCounts(events, captured);
  for (Source& source : sources_) {
    source.reading.arrived = source.arrived;
    source.before = Before{.read_at = std::exchange(source.read_at, UINT64_MAX),
                           .reading = source.reading,
                           .captured = source.captured};
  }
}

void Collector::SetBoundary(uint64_t time) {
  boundary_ = time;
  next_ = NewWindow();
  next_->ReserveLike(*current_);
}

std::vector<uint64_t> Collector::IdleOfCpus() const {
  if (options_.target.kind != TargetOptions::Kind::kCpus) return {};
  auto idle = IdleTimes();
  return idle ? std::move(*idle) : std::vector<uint64_t>{};
}

void Collector::ReadCounts(const EventSet& events, const CountCaptured& captured) {
  const std::vector<uint64_t> idle = idle_at_end_.empty() ? IdleOfCpus() : idle_at_end_;
  for (Source& source : sources_) {
    if (!source.ended) Read(events, captured, idle, source);
  }
  ReadDroppedRecords(events);
}

void Collector::EndRing(uint32_t ring, const EventSet& events, const CountCaptured& captured) {
  End(events, captured, [ring](const Source& source) { return source.ring == ring; });
}

void Collector::EndSuperseded(const EventSet& events, const CountCaptured& captured) {
  End(events, captured, [&](const Source& source) {
    return std::ranges::all_of(source.events,
                               [&](size_t place) { return events.sampled()[place].superseded; });
  });
}

template <typename Ends>
void Collector::End(const EventSet& events, const CountCaptured& captured, Ends&& ends) {
  const std::vector<uint64_t> idle = IdleOfCpus();
  for (Source& source : sources_) {
    if (source.ended || !ends(source)) continue;
    Read(events, captured, idle, source);
    source.ended = true;
  }
}

void Collector::Read(const EventSet& events, const CountCaptured& captured,
                     std::span<const uint64_t> idle, Source& source) const {
  const uint64_t now = MonotonicNow();
  const uint64_t ran = source.reading.running;
  const bool read = ReadEvents(events, source);
  // After the events: what comes in between must not look as if it had been missed.
  if (Captures()) {
    source.captured = captured(source.cpu, source.session).Since(source.captured_before);
  }
  if (!read) return;
  source.read_at = now;
  source.reading.at = MonotonicNow();
  source.reading.idle = IdleOf(source, idle, source.reading.running - ran);
}

/// How long its CPU was idle, if it `ran` so much longer than when it was read last.
uint64_t Collector::IdleOf(const Source& source, std::span<const uint64_t> idle,
                           uint64_t ran) const {
  if (source.in_cgroup || idle.empty() || source.cpu >= idle_at_start_.size())
    return source.reading.idle;
  const uint64_t total = source.cpu < idle.size() ? idle[source.cpu] : 0;
  const uint64_t start = idle_at_start_[source.cpu];
  // Nothing is said of a CPU that has gone offline: for all that is known it was idle before.
  if (total == 0 && start + source.reading.idle > 0) return source.reading.idle + ran;
  return total - start;
}

/// Sums up what the source's events say. Of several each has its own unfinished period.
bool Collector::ReadEvents(const EventSet& events, Source& source) const {
  const uint64_t period = source.ledger ? source.ledger->period() : 1;
  TickReading sum = {.idle = source.reading.idle};
  for (const size_t place : source.events) {
    const auto counts = events.sampled()[place].event.Read();
    if (!counts) return false;
    const bool alone = source.events.size() == 1;
    sum.running += alone ? counts->time_running : counts->time_running / period * period;
    sum.counted += counts->value;
    sum.lost += counts->lost;
  }
  source.reading = sum;
  return true;
}

void Collector::ReadDroppedRecords(const EventSet& events) {
  const bool was_full = std::ranges::any_of(full_at_, [](uint64_t time) { return time != 0; });
  if (!was_full) return;
  const uint64_t lost = events.LostBookkeeping();
  if (lost > bookkeeping_lost_) current_->AddDroppedRecords(lost - bookkeeping_lost_);
  bookkeeping_lost_ = std::max(bookkeeping_lost_, lost);
}

std::unique_ptr<Window> Collector::FinishWindow() {
  if (unwinder_ != nullptr) GiveUpWaiting();
  LeaveOutOverlap();
  for (Source& source : sources_) BookLosses(source);
  ForgetEnded();
  // Where perf takes the samples nobody asks.
  if (unwinder_ != nullptr && !Captures()) (void)unwinder_->TakeChainWishes();
  group_counts_.EndWindow();
  if (process_cgroups_) process_cgroups_->EndWindow();
  gate_.EndWindow();
  if (current_->dropped_records() > 0) gate_.Doubt();
  std::ranges::fill(full_at_, 0);
  start_times_.clear();
  boundary_ = UINT64_MAX;
  return std::exchange(current_, std::move(next_));
}

/// What came before the bounds were known.
void Collector::LeaveOutOverlap() {
  const std::vector<uint64_t> removed = current_->KeepOnly(bounds_);
  for (uint32_t session = 0; session < removed.size(); session++) {
    if (removed[session] == 0) continue;
    LeaveOut(session, LeftOutReason::kOverlap, removed[session]);
    SessionTotals& totals = totals_[session];
    totals.taken -= removed[session];
    if (!bounds_.Contains(totals.first_sample_time)) {
      totals.first_sample_time = current_->FirstTimeOf(session);
    }
  }
}

void Collector::ForgetEnded() {
  const auto ended = [](const Source& source) { return source.ended; };
  if (std::ranges::none_of(sources_, ended)) return;
  std::vector<std::optional<uint32_t>> places(sources_.size());
  uint32_t kept = 0;
  for (size_t place = 0; place < sources_.size(); place++) {
    if (!sources_[place].ended) places[place] = kept++;
  }
  std::erase_if(sources_, ended);
  std::erase_if(source_numbers_, [&](const auto& each) { return !places[each.second]; });
  for (auto& [id, number] : source_numbers_) number = *places[number];
  std::ranges::fill(last_source_, std::pair<uint64_t, uint32_t>{});
}

/// Takes what was before as having been said.
void Collector::BookBefore(Source& source) {
  if (!source.before) return;
  Before before = *std::exchange(source.before, std::nullopt);
  if (Captures()) {
    const CaptureCounts& captured = before.captured;
    LeaveOut(source.session, LeftOutReason::kOverlap, captured.filtered + captured.sampled_out);
    source.booked = captured;
    before.reading.arrived = captured.runs - captured.ring_full;
    before.reading.lost = captured.ring_full;
  }
  source.lost = before.reading.lost;
  if (!source.ledger || before.read_at == UINT64_MAX) return;
  before.reading.was_throttled = source.throttled;
  (void)source.ledger->Book(before.reading);
}

/// What the programs counted and the rings did not bring.
void Collector::BookCaptured(Source& source) {
  const CaptureCounts& now = source.captured;
  const CaptureCounts before = std::exchange(source.booked, now);
  LeaveOut(source.session, LeftOutReason::kFiltered, now.filtered - before.filtered);
  LeaveOut(source.session, LeftOutReason::kSampledOut, now.sampled_out - before.sampled_out);
  Lose(source.session, LossReason::kContended, now.contended - before.contended);
  Lose(source.session, LossReason::kCaptureFailed, now.failed - before.failed);
  // For the ledger: whatever ran has not been missed.
  source.arrived = now.runs - now.ring_full;
  source.reading.lost = now.ring_full;
}

void Collector::BookLosses(Source& source) {
  BookBefore(source);
  if (Captures()) BookCaptured(source);
  const uint64_t lost = source.reading.lost - std::min(source.lost, source.reading.lost);
  if (lost > 0) {
    source.lost += lost;
    Lose(source.session, LossReason::kRingFull, lost);
    const uint64_t last = std::min(boundary_, bounds_.until) - 1;
    const uint64_t time = full_at_[source.ring] != 0 ? full_at_[source.ring] : last;
    current_->AddNotice(source.session, {.kind = NoticeKind::kLost,
                                         .time = std::min(time, last),
                                         .cpu = source.cpu,
                                         .count = lost});
  }
  if (source.ledger && source.read_at != UINT64_MAX) {
    source.reading.arrived = source.arrived;
    source.reading.was_throttled = source.throttled;
    const TickLosses ticks = source.ledger->Book(source.reading);
    Lose(source.session, LossReason::kMissed, ticks.missed);
    Lose(source.session, LossReason::kThrottled, ticks.throttled);
  }
  source.arrived += source.arrived_after;
  source.arrived_after = 0;
  source.read_at = UINT64_MAX;
}

void Collector::LeaveOut(uint32_t session, LeftOutReason reason, uint64_t count) {
  current_->AddLeftOut(session, reason, count);
  totals_[session].left_out[static_cast<size_t>(reason)] += count;
}

void Collector::Lose(uint32_t session, LossReason reason, uint64_t count) {
  current_->AddLoss(session, reason, count);
  totals_[session].losses[static_cast<size_t>(reason)] += count;
}

}  // namespace sonde
