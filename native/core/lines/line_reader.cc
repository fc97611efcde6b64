#include "core/lines/line_reader.h"

#include <algorithm>
#include <span>
#include <utility>

#include "core/symbols/file_task.h"
#include "core/symbols/printable_text.h"

namespace sonde {
namespace {

/// One image may take half of the time that is left, so that one that blocks leaves some for the others.
constexpr int kPatienceDivisor = 2;
constexpr size_t kMaxRefusals = 1000;
constexpr std::chrono::hours kLongestRefusal(1);

/// What the cache does not know, by svma; addresses that no segment covers have none.
std::vector<AskedAddress> Unknown(const NameRequest& request, const ElfHeaders& headers,
                                  const ImageLines& known) {
  std::vector<AskedAddress> unknown;
  for (const uint64_t address : request.addresses) {
    if (known.Find(address) != nullptr) continue;
    const bool stated = request.space == NameRequest::Space::kSvma;
    const auto svma = stated ? address : headers.SvmaOf(address);
    if (svma) unknown.push_back({address, *svma});
  }
  const auto by_svma = [](const AskedAddress& one, const AskedAddress& two) {
    return std::pair(one.svma, one.address) < std::pair(two.svma, two.address);
  };
  const auto same = [](const AskedAddress& one, const AskedAddress& two) {
    return one.address == two.address;
  };
  std::sort(unknown.begin(), unknown.end(), by_svma);
  unknown.erase(std::unique(unknown.begin(), unknown.end(), same), unknown.end());
  return unknown;
}

}  // namespace

LineReader::LineReader(LineReaderOptions options)
    : options_(std::move(options)),
      sources_(std::make_shared<LineSources>(options_.symbols)),
      children_(options_.program, options_.limits),
      cache_(options_.max_cache_bytes) {}

std::vector<LineResult> LineReader::Read(const std::vector<NameRequest>& requests,
                                         std::chrono::milliseconds limit) {
  const std::lock_guard lock(busy_);
  const auto deadline = Clock::now() + limit;
  std::vector<LineResult> results;
  results.reserve(requests.size());
  for (const NameRequest& request : requests) results.push_back(ReadOne(request, deadline));
  return results;
}

LineStats LineReader::stats() const {
  const std::lock_guard lock(stats_mutex_);
  return stats_;
}

LineResult LineReader::ReadOne(const NameRequest& request, Clock::time_point deadline) {
  const size_t count = request.addresses.size();
  const bool of_file =
      request.kind == NameRequest::Kind::kFile && request.space != NameRequest::Space::kAvma;
  if (!of_file || count == 0) return NoLines(count, "");
  const auto now = Clock::now();
  if (now >= deadline) {
    return NoLines(count, request.path + ": no time left in this window for its source lines");
  }
  deadline = now + (deadline - now) / kPatienceDivisor;
  const auto source = Open(request, deadline);
  // A file that cannot be opened is told about where it is named.
  if (!source) return NoLines(count, source.error().code == 0 ? source.error().what : "");
  // Neither path nor build id would do: both can be another's.
  const std::string key = source->key + '/' + std::to_string(static_cast<int>(request.space));
  std::string problem = Learn(request, *source, key, deadline);
  LineResult result = ToLineResult(request.addresses, cache_.Of(key));
  result.problem = problem.empty() ? "" : PrintableText(request.path + ": " + problem);
  cache_.Trim();
  cache_bytes_ = cache_.bytes();
  return result;
}

/// Asks for what is not known yet. Returns why not all could be learned.
std::string LineReader::Learn(const NameRequest& request, const LineSource& source,
                              const std::string& key, Clock::time_point deadline) {
  ImageLines& known = cache_.Of(key);
  known.has_dwarf = source.dwarf.has_value();
  if (!known.has_dwarf) return {};
  const auto asked = Unknown(request, source.headers, known);
  if (asked.empty()) return {};
  if (const Refusal* refusal = RefusalOf(key)) {
    const std::lock_guard lock(stats_mutex_);
    stats_.refused++;
    return refusal->reason;
  }
  return AskChildren(*source.dwarf, key, asked, deadline);
}

Result<LineSource> LineReader::Open(const NameRequest& request, Clock::time_point deadline) {
  auto opened = std::make_shared<Result<LineSource>>(Error{});
  auto work = [request = NameRequest(request), sources = sources_, opened] {
    *opened = sources->Open(request);
  };
  const auto outcome = thread_.Run(FileTask(request), std::move(work), deadline);
  if (outcome == ExpendableThread::Outcome::kDone) return std::move(*opened);
  return Error{0, request.path + ": " + ReasonOf(outcome)};
}

std::string LineReader::AskChildren(const TargetFile& dwarf, const std::string& key,
                                    const std::vector<AskedAddress>& asked,
                                    Clock::time_point deadline) {
  std::string problem;
  std::span<const AskedAddress> rest = asked;
  while (!rest.empty()) {
    const auto part = rest.first(std::min<size_t>(rest.size(), kMaxLineAddresses));
    rest = rest.subspan(part.size());
    std::vector<uint64_t> svmas(part.size());
    std::transform(part.begin(), part.end(), svmas.begin(),
                   [](const AskedAddress& one) { return one.svma; });
    const auto conversation = children_.Ask(dwarf.descriptor(), dwarf.size(), svmas, deadline);
    cache_.Of(key).Add(part, conversation.answers);
    if (!conversation.problem.empty()) problem = conversation.problem;
    if (Failed(conversation)) {
      Refuse(key, problem);
      break;
    }
    if (conversation.end != LineEnd::kDone) break;
    refusals_.erase(key);
  }
  return problem;
}

/// Counts, and says whether the file is better left alone. One that is only large has said something by its deadline, and
/// the next window asks for less.
bool LineReader::Failed(const LineConversation& conversation) {
  const std::lock_guard lock(stats_mutex_);
  stats_.children += conversation.end != LineEnd::kNotStarted;
  stats_.died += conversation.end == LineEnd::kDied;
  stats_.late += conversation.end == LineEnd::kLate;
  stats_.forbidden += conversation.end == LineEnd::kForbidden;
  stats_.cpu_ns += conversation.cpu_ns;
  switch (conversation.end) {
    case LineEnd::kDied:
    case LineEnd::kForbidden:
      return true;
    case LineEnd::kLate:
      return conversation.answers.answered() == 0;
    case LineEnd::kDone:
    case LineEnd::kNotStarted:
      return false;
  }
  return true;
}

const LineReader::Refusal* LineReader::RefusalOf(const std::string& key) const {
  const auto found = refusals_.find(key);
  const bool applies = found != refusals_.end() && Clock::now() < found->second.until;
  return applies ? &found->second : nullptr;
}

void LineReader::Refuse(const std::string& key, const std::string& reason) {
  if (refusals_.size() >= kMaxRefusals && !refusals_.contains(key)) {
    const auto soonest = std::min_element(
        refusals_.begin(), refusals_.end(),
        [](const auto& one, const auto& two) { return one.second.until < two.second.until; });
    refusals_.erase(soonest);
  }
  Refusal& refusal = refusals_[key];
  const std::chrono::seconds longest = kLongestRefusal;
  refusal.length =
      refusal.length.count() == 0 ? options_.refusal : std::min(2 * refusal.length, longest);
  refusal.until = Clock::now() + refusal.length;
  refusal.reason = reason;
}

}  // namespace sonde
