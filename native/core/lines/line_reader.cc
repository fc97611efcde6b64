#include "core/lines/line_reader.h"

#include <algorithm>
#include <memory>
#include <span>
#include <utility>

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

bool KnowsAll(const ImageLines& known, const std::vector<uint64_t>& addresses) {
  return !known.has_dwarf || std::all_of(addresses.begin(), addresses.end(),
                                         [&](uint64_t one) { return known.Find(one) != nullptr; });
}

}  // namespace

LineReader::LineReader(LineReaderOptions options)
    : options_(std::move(options)),
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
  const bool of_file = request.kind == NameRequest::Kind::kFile;
  if (!of_file || request.space == NameRequest::Space::kAvma) {
    LineResult none = NoLines(request.addresses.size(), "");
    none.has_dwarf = false;
    return none;
  }
  std::string key = request.identity.build_id.empty() ? "" : LineKeyOf(request);
  std::string problem = LearnAll(request, key, deadline);
  LineResult result = key.empty() ? NoLines(request.addresses.size(), "")
                                  : ToLineResult(request.addresses, cache_.Of(key));
  result.problem = std::move(problem);
  cache_.Trim();
  cache_bytes_ = cache_.bytes();
  return result;
}

/// Asks for what is not known yet. Returns why not all could be learned; `key` is that of the cache afterwards, empty where
/// the image could not be told.
std::string LineReader::LearnAll(const NameRequest& request, std::string& key,
                                 Clock::time_point deadline) {
  if (!key.empty() && KnowsAll(cache_.Of(key), request.addresses)) return {};
  const auto now = Clock::now();
  if (now >= deadline) return request.path + ": no time left in this window for its source lines";
  deadline = now + (deadline - now) / kPatienceDivisor;
  const auto source = Open(request, deadline);
  if (!source) return Explain(source.error());
  key = source->key;
  ImageLines& known = cache_.Of(key);
  known.has_dwarf = source->dwarf.has_value();
  if (!known.has_dwarf) return {};
  if (const Refusal* refusal = RefusalOf(key)) {
    const std::lock_guard lock(stats_mutex_);
    stats_.refused++;
    return request.path + ": " + refusal->reason;
  }
  const auto asked = Unknown(request, source->headers, known);
  const std::string problem = AskChildren(*source, asked, deadline);
  return problem.empty() ? "" : request.path + ": " + problem;
}

Result<LineSource> LineReader::Open(const NameRequest& request, Clock::time_point deadline) {
  auto opened = std::make_shared<Result<LineSource>>(Error{});
  auto work = [request = NameRequest(request), opened] { *opened = OpenLineSource(request); };
  switch (thread_.Run(request.path, std::move(work), deadline)) {
    case ExpendableThread::Outcome::kDone:
      return std::move(*opened);
    case ExpendableThread::Outcome::kLate:
      return Error{0, request.path + ": opening it took too long"};
    case ExpendableThread::Outcome::kStuck:
      return Error{0, request.path + ": opening it has not ended since an earlier window"};
    case ExpendableThread::Outcome::kNoThread:
      return Error{0, request.path + ": too many files block their readers"};
  }
  return Error{0, request.path};
}

std::string LineReader::AskChildren(const LineSource& source,
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
    const auto conversation =
        children_.Ask(source.dwarf->descriptor(), source.dwarf->size(), svmas, deadline);
    cache_.Of(source.key).Add(part, conversation.answers);
    if (!conversation.problem.empty()) problem = conversation.problem;
    if (Failed(conversation)) {
      Refuse(source.key, problem);
      break;
    }
    if (conversation.end != LineEnd::kDone) break;
    refusals_.erase(source.key);
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
