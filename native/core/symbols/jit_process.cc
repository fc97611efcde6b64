#include "core/symbols/jit_process.h"

#include <unordered_map>

#include "core/base/clock.h"
#include "core/symbols/printable_text.h"

namespace sonde {
namespace {

/// A process may have this much read at once, and as much more each second.
constexpr uint64_t kReadAtOnce = 64 << 20;
constexpr uint64_t kReadPerSecond = 4 << 20;
/// For the names and lines of one request.
constexpr uint64_t kReadForNames = 64 << 20;
/// Start times of processes are counted in ticks.
constexpr uint64_t kTickSlack = 50'000'000;

using FoundCodes = std::vector<std::optional<MadeCode>>;

template <typename Source>
FoundCodes FindAll(const Source& source, const std::vector<uint64_t>& addresses) {
  FoundCodes found;
  found.reserve(addresses.size());
  for (const uint64_t avma : addresses) found.push_back(source.Find(avma));
  return found;
}

/// Collects the names of a request's addresses; a function stands in the result once.
class JitResultBuilder {
 public:
  explicit JitResultBuilder(size_t count) : result_(JitResult::None(count, "")) {}

  void Set(size_t index, const MadeCode& code, const CodeName& name) {
    const auto [function, is_new] = functions_.try_emplace(code.place, 0);
    if (is_new) function->second = result_.Add(name.function, name.function);
    result_.name[index] = function->second;
    result_.offset[index] = name.offset;
    if (name.file.empty()) return;
    const auto known = files_.try_emplace(name.file, result_.files.size() + 1).first->second;
    if (known > result_.files.size()) result_.files.push_back(PrintableText(name.file));
    result_.file[index] = static_cast<uint32_t>(known);
    result_.line[index] = name.line;
  }

  JitResult Done() { return std::move(result_); }

 private:
  JitResult result_;
  std::unordered_map<uint64_t, uint32_t> functions_;
  std::unordered_map<std::string, size_t> files_;
};

/// `before`: what lay at the addresses when the window began. Where other code lies now, the addresses may be of either.
template <typename Source>
JitResult NameAll(const Source& source, const TargetFile& file,
                  const std::vector<uint64_t>& addresses, const FoundCodes& before) {
  JitResultBuilder result(addresses.size());
  ReadAllowance allowance(kReadForNames);
  for (size_t i = 0; i < addresses.size(); i++) {
    const auto code = source.Find(addresses[i]);
    if (!code) continue;
    const auto name = source.NameOf(*code, addresses[i], file, allowance);
    if (!name) continue;
    if (before[i] && *before[i] != *code) {
      const auto earlier = source.NameOf(*before[i], addresses[i], file, allowance);
      if (!earlier || earlier->function != name->function) continue;
    }
    result.Set(i, *code, *name);
  }
  JitResult done = result.Done();
  if (allowance.refused()) {
    done.problem = "more to read than a window may take: some have no names, or no lines";
  }
  return done;
}

/// What a perf-map lacks, as a sentence; empty where it is whole.
std::string LackOf(const PerfMap& map) {
  if (map.left_out() > 0)
    return "too large: only its end was read, what it says before has no names";
  if (map.forgot()) return "more functions than are kept; those said first have no names";
  if (map.damaged() > 0) return "damaged lines were left out";
  return "";
}

}  // namespace

JitResult JitResult::None(size_t count, std::string problem) {
  JitResult result{NameResult::None(count, std::move(problem))};
  result.file.resize(count);
  result.line.resize(count);
  return result;
}

JitProcess::JitProcess(size_t max_functions)
    : max_functions_(max_functions),
      jitdump_(max_functions),
      perf_map_(max_functions),
      budget_(kReadAtOnce, kReadPerSecond) {}

void JitProcess::Restart() {
  facts_.reset();
  jitdump_ = Jitdump(max_functions_);
  perf_map_ = PerfMap(max_functions_);
}

CodeMaker JitProcess::MakerOf(const JitRequest& request) {
  CodeMaker maker{.pid = request.pid, .since = std::max(request.began, request.window_start)};
  auto now = ReadProcessFacts(request.pid);
  // A process that began since has only its number in common with the one that was sampled.
  if (now && now->began > request.window_end + kTickSlack) now.reset();
  if (request.began > 0 && facts_ && facts_->began + kTickSlack < request.began) Restart();
  if (now && facts_ && facts_->start_ticks != now->start_ticks) Restart();
  maker.alive = now && !request.ended && now->tmp != ProcessFacts::Tmp::kGone;
  if (now && (maker.alive || !facts_)) facts_ = now;
  maker.facts = facts_;
  return maker;
}

JitResult JitProcess::Name(const JitRequest& request) {
  const CodeMaker maker = MakerOf(request);
  const bool dump = request.source == JitRequest::Source::kJitdump;
  JitResult result = dump ? NameByJitdump(request, maker) : NameByPerfMap(request, maker);
  bytes_ = sizeof(*this) + jitdump_.bytes() + perf_map_.bytes();
  return result;
}

JitResult JitProcess::NameByJitdump(const JitRequest& request, const CodeMaker& maker) {
  const auto none = [&](std::string problem) {
    return JitResult::None(request.addresses.size(), std::move(problem));
  };
  const auto file = OpenJitdump(maker, request.path, request.identity);
  if (!file) return none(Explain(file.error()));
  FoundCodes before;
  for (const uint64_t time : {request.window_start, request.window_end}) {
    before = FindAll(jitdump_, request.addresses);
    const auto read = jitdump_.Update(*file, time, budget_.Left(MonotonicNow()));
    if (!read) return none(read.error().code == ENODATA ? "" : Explain(read.error()));
    budget_.Take(read->bytes);
    if (read->damaged) return none("is damaged, so that nothing is known of what it says later");
    if (!read->complete) return none("too much at once: not read to the end of the window");
  }
  const auto inner = maker.facts ? maker.facts->inner_pid : request.pid;
  const auto writer = static_cast<pid_t>(jitdump_.pid());
  if (writer != inner && writer != request.pid) {
    return none("is of process " + std::to_string(writer) + ", whose code may differ by now");
  }
  JitResult result = NameAll(jitdump_, *file, request.addresses, before);
  if (jitdump_.forgot())
    result.problem = "more functions than are kept; those said first have no names";
  return result;
}

JitResult JitProcess::NameByPerfMap(const JitRequest& request, const CodeMaker& maker) {
  const size_t count = request.addresses.size();
  const auto file = OpenPerfMap(maker);
  if (!file) {
    perf_map_ = PerfMap(max_functions_);
    return JitResult::None(count, file.error().code == ENOENT ? "" : Explain(file.error()));
  }
  if (!perf_map_.Continues(*file)) perf_map_ = PerfMap(max_functions_);
  const FoundCodes before = FindAll(perf_map_, request.addresses);
  const uint64_t allowed = budget_.Left(MonotonicNow());
  const auto read = perf_map_.Update(*file, allowed);
  if (!read) return JitResult::None(count, Explain(read.error()));
  budget_.Take(*read);
  JitResult result = NameAll(perf_map_, *file, request.addresses, before);
  if (const std::string lack = LackOf(perf_map_); !lack.empty()) result.problem = lack;
  return result;
}

}  // namespace sonde
