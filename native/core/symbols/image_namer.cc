#include "core/symbols/image_namer.h"

#include <algorithm>
#include <unordered_map>

#include "core/symbols/demangle.h"
#include "core/symbols/elf_headers.h"
#include "core/symbols/vdso.h"

namespace sonde {
namespace {

/// Of the processes that map an image as many are asked for it; more would not know it better.
constexpr size_t kMaxProcesses = 16;
/// One image may take a quarter of the time of all, so that one that blocks leaves some for the others.
constexpr int kPatienceShare = 4;

Result<TargetFile> OpenFile(const NameRequest& request) {
  if (request.pids.empty()) return TargetFile::Open(0, request.path, request.identity);
  auto file = TargetFile::Open(request.pids.front(), request.path, request.identity);
  const size_t processes = std::min(request.pids.size(), kMaxProcesses);
  for (size_t i = 1; !file && i < processes; i++) {
    auto again = TargetFile::Open(request.pids[i], request.path, request.identity);
    if (again) return again;
  }
  return file;
}

Result<TargetFile> OpenImage(const NameRequest& request) {
  switch (request.kind) {
    case NameRequest::Kind::kFile:
      return OpenFile(request);
    case NameRequest::Kind::kVdso:
      return OpenVdso();
    case NameRequest::Kind::kAnonymous:
    case NameRequest::Kind::kUnknown:
      break;
  }
  return Error{ENOENT, request.path + ": not a file"};
}

/// Where the addresses are offsets: the headers that turn them into stated addresses.
Result<ElfHeaders> HeadersFor(const NameRequest& request, const TargetFile& file) {
  if (request.space == NameRequest::Space::kFileOffset) return ElfHeaders::Read(file);
  return ElfHeaders();
}

NameResult LookUp(const NameRequest& request, const TargetFile& file, const SymbolTable& table,
                  const ElfHeaders& headers) {
  NameResult result = NameResult::None(request.addresses.size(), "");
  std::unordered_map<uint32_t, uint32_t> known;  // symbol → what stands in `name`
  for (size_t i = 0; i < request.addresses.size(); i++) {
    const uint64_t address = request.addresses[i];
    const bool stated = request.space == NameRequest::Space::kSvma;
    const auto svma = stated ? address : headers.SvmaOf(address);
    const auto match = svma ? table.Find(*svma) : std::nullopt;
    if (!match) continue;
    const auto [entry, is_new] = known.try_emplace(match->symbol, 0);
    if (is_new) {
      const std::string name = table.NameOf(match->symbol, file);
      if (!name.empty()) entry->second = result.Add(name, Demangle(name));
    }
    result.name[i] = entry->second;
    result.offset[i] = entry->second == 0 ? 0 : match->offset;
  }
  return result;
}

}  // namespace

NameResult NameAddresses(const NameRequest& request, SymbolCache& cache) {
  const auto failed = [&](const Error& error) {
    return NameResult::None(request.addresses.size(), Explain(error));
  };
  if (request.space == NameRequest::Space::kAvma) {
    return failed({0, request.path + ": an address of no file"});
  }
  const auto file = OpenImage(request);
  if (!file) return failed(file.error());
  const auto table = cache.TableOf(*file);
  if (!table) return failed({table.error().code, request.path + ": " + table.error().what});
  const auto headers = HeadersFor(request, *file);
  if (!headers) return failed(headers.error());
  return LookUp(request, *file, **table, *headers);
}

ImageNamer::ImageNamer(size_t max_cache_bytes)
    : cache_(std::make_shared<SymbolCache>(max_cache_bytes)) {}

std::vector<NameResult> ImageNamer::Name(std::vector<NameRequest> requests,
                                         std::chrono::milliseconds limit) {
  const std::lock_guard lock(busy_);
  const auto deadline = ExpendableThread::Clock::now() + limit;
  const auto patience = std::max(limit / kPatienceShare, std::chrono::milliseconds(1));
  std::vector<NameResult> results;
  results.reserve(requests.size());
  for (NameRequest& request : requests) {
    results.push_back(NameOne(std::move(request), deadline, patience));
  }
  return results;
}

NameResult ImageNamer::NameOne(NameRequest request, ExpendableThread::Clock::time_point deadline,
                               std::chrono::milliseconds patience) {
  const size_t count = request.addresses.size();
  const std::string path = request.path;
  const auto now = ExpendableThread::Clock::now();
  if (now >= deadline) return NameResult::None(count, path + ": no time left in this window");
  auto result = std::make_shared<NameResult>();
  auto work = [request = std::move(request), cache = cache_, result] {
    *result = NameAddresses(request, *cache);
  };
  switch (thread_.Run(path, std::move(work), std::min(deadline, now + patience))) {
    case ExpendableThread::Outcome::kDone:
      return std::move(*result);
    case ExpendableThread::Outcome::kLate:
      return NameResult::None(count, path + ": reading it took too long");
    case ExpendableThread::Outcome::kStuck:
      return NameResult::None(count, path + ": reading it has not ended since an earlier window");
    case ExpendableThread::Outcome::kNoThread:
      return NameResult::None(count, path + ": too many files block their readers");
  }
  return NameResult::None(count, path);
}

}  // namespace sonde
