#include "core/symbols/image_namer.h"

#include <algorithm>
#include <unordered_map>

#include "core/symbols/demangle.h"
#include "core/symbols/elf_headers.h"
#include "core/symbols/file_task.h"

namespace sonde {
namespace {

/// One image may take a quarter of the time of all, so that one that blocks leaves some for the others.
constexpr int kPatienceShare = 4;

/// Where the addresses are offsets: the headers that turn them into stated addresses.
Result<ElfHeaders> HeadersFor(const NameRequest& request, const TargetFile& file) {
  if (request.space == NameRequest::Space::kFileOffset) return ElfHeaders::Read(file);
  return ElfHeaders();
}

void LookUp(const NameRequest& request, const ImageFiles& files, const ImageFunctions& functions,
            const ElfHeaders& headers, NameResult& result) {
  std::unordered_map<uint64_t, uint32_t> known;  // source and function → what stands in `name`
  for (size_t i = 0; i < request.addresses.size(); i++) {
    const uint64_t address = request.addresses[i];
    const bool stated = request.space == NameRequest::Space::kSvma;
    const auto svma = stated ? address : headers.SvmaOf(address);
    const auto match = svma ? functions.Find(*svma) : std::nullopt;
    if (!match) continue;
    const auto [entry, is_new] =
        known.try_emplace(uint64_t{match->source} << 32 | match->function, 0);
    if (is_new) {
      const std::string name = functions.NameOf(*match, files);
      if (!name.empty()) entry->second = result.Add(name, Demangle(name));
    }
    result.name[i] = entry->second;
    result.offset[i] = entry->second == 0 ? 0 : match->offset;
  }
}

}  // namespace

NameResult NameAddresses(const NameRequest& request, ImageLibrary& library) {
  const auto failed = [&](const Error& error) {
    return NameResult::None(request.addresses.size(), Explain(error));
  };
  if (request.space == NameRequest::Space::kAvma) {
    return failed({0, request.path + ": an address of no file"});
  }
  const auto files = library.Open(request);
  if (!files) return failed(files.error());
  NameResult result = NameResult::None(request.addresses.size(), "");
  const auto functions = library.FunctionsOf(*files);
  if (!functions) {
    return failed({functions.error().code, request.path + ": " + functions.error().what});
  }
  result.identity = std::to_string((*functions)->identity());
  const auto headers = HeadersFor(request, files->image);
  if (!headers) return failed(headers.error());
  LookUp(request, *files, **functions, *headers, result);
  for (const std::string& note : {files->note, (*functions)->note()}) {
    if (!note.empty()) result.AddNote(note);
  }
  return result;
}

ImageNamer::ImageNamer(size_t max_cache_bytes, const SymbolOptions& options)
    : library_(std::make_shared<ImageLibrary>(max_cache_bytes, options)) {}

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
  const auto task = FileTask(request);
  auto result = std::make_shared<NameResult>();
  auto work = [request = std::move(request), library = library_, result] {
    *result = NameAddresses(request, *library);
  };
  const auto outcome = thread_.Run(task, std::move(work), std::min(deadline, now + patience));
  if (outcome == ExpendableThread::Outcome::kDone) return std::move(*result);
  return NameResult::None(count, path + ": " + ReasonOf(outcome));
}

}  // namespace sonde
