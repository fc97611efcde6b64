#include "core/symbols/debug_files.h"

#include <algorithm>
#include <string_view>

#include "core/base/hexadecimal.h"

namespace sonde {
namespace {

constexpr std::string_view kDeletedMark = " (deleted)";

/// The image's directory with a slash at its end.
std::string DirectoryOf(std::string_view path) {
  if (path.ends_with(kDeletedMark)) path.remove_suffix(kDeletedMark.size());
  return std::string(path.substr(0, path.rfind('/') + 1));
}

std::vector<std::string> PathsByBuildId(const DebugFileRequest& request,
                                        const std::vector<std::string>& directories) {
  std::vector<std::string> paths;
  if (request.build_id.size() < 2) return paths;
  const std::string id = Hexadecimal(request.build_id);
  for (const std::string& directory : directories) {
    paths.push_back(directory + "/.build-id/" + id.substr(0, 2) + '/' + id.substr(2) + ".debug");
  }
  return paths;
}

std::vector<std::string> PathsByLink(const DebugFileRequest& request,
                                     const std::vector<std::string>& directories) {
  const std::string beside = DirectoryOf(request.path);
  if (!request.link || !beside.starts_with('/')) return {};
  std::vector<std::string> paths{beside + request.link->name,
                                 beside + ".debug/" + request.link->name};
  for (const std::string& directory : directories) {
    paths.push_back(directory + beside + request.link->name);
  }
  return paths;
}

struct SearchedRoot {
  TargetRoot root;
  bool of_image;  ///< the image was found in it
};

/// The target's first, without the same twice.
std::vector<SearchedRoot> RootsOf(pid_t pid, const std::string& recorded_root) {
  std::vector<SearchedRoot> roots;
  const bool elsewhere = pid > 0 || !recorded_root.empty();
  if (elsewhere) {
    auto target = pid > 0 ? TargetRoot::OfProcess(pid) : TargetRoot::Open(recorded_root);
    if (target) roots.push_back({std::move(*target), true});
  }
  auto own = TargetRoot::Own();
  if (own && (roots.empty() || !roots.front().root.IsSameAs(*own))) {
    roots.push_back({std::move(*own), !elsewhere});
  }
  return roots;
}

/// Neither a stripped image that its own link leads to, nor what else has nothing to say.
bool HasDebuggingInformation(const TargetFile& file, const ElfHeaders& headers) {
  const auto sections = ReadElfSections(file, headers);
  if (!sections) return false;
  return std::ranges::any_of(*sections, [](const ElfSection& section) {
    return section.name == ".symtab" || section.name == ".debug_info" ||
           section.name == ".zdebug_info";
  });
}

bool SameCode(const std::vector<LoadSegment>& image, const std::vector<LoadSegment>& debug) {
  const auto code_of = [](const std::vector<LoadSegment>& loads) {
    std::vector<std::pair<uint64_t, uint64_t>> code;
    for (const LoadSegment& load : loads) {
      if (load.executable) code.emplace_back(load.svma, load.memory_size);
    }
    return code;
  };
  return image.empty() || code_of(image) == code_of(debug);
}

/// What a search came across; the first file that is there and does not belong is the reason where none does.
class Search {
 public:
  explicit Search(const DebugFileRequest& request) : request_(request) {}

  template <typename Check>
  bool Try(const TargetRoot& root, const std::string& path, Check&& check) {
    auto file = root.OpenFile(path);
    if (!file) return false;
    const Status belongs = check(*file);
    if (belongs) {
      found_.emplace(DebugFile{std::move(*file), path});
    } else if (why_not_.empty() && belongs.error().code != 0) {
      why_not_ = path + ": " + belongs.error().what;
    }
    return found_.has_value();
  }

  Result<DebugFile> Take() {
    if (found_) return std::move(*found_);
    if (!why_not_.empty()) return Error{ESTALE, why_not_};
    return Error{ENOENT, request_.path + ": no debug file"};
  }

 private:
  const DebugFileRequest& request_;
  std::optional<DebugFile> found_;
  std::string why_not_;
};

}  // namespace

Result<DebugFile> DebugFiles::Find(const DebugFileRequest& request) {
  const auto roots = RootsOf(request.pid, recorded_root_);
  Search search(request);
  for (const auto& paths :
       {PathsByBuildId(request, directories_), PathsByLink(request, directories_)}) {
    for (const SearchedRoot& searched : roots) {
      for (const std::string& path : paths) {
        const auto check = [&](const TargetFile& file) {
          return Check(file, request, searched.of_image);
        };
        if (search.Try(searched.root, path, check)) return search.Take();
      }
    }
  }
  return search.Take();
}

/// Whether the file belongs to the image. An error without a code is no news: the link of a file may lead to itself.
Status DebugFiles::Check(const TargetFile& file, const DebugFileRequest& request,
                         bool by_checksum) {
  const auto headers = ElfHeaders::Read(file);
  if (!headers) return headers.error();
  const bool both_have_ids = !headers->build_id.empty() && !request.build_id.empty();
  if (both_have_ids && headers->build_id != request.build_id) {
    return Error{ESTALE, "is of another build (build id " + Hexadecimal(headers->build_id) + ")"};
  }
  if (!both_have_ids) {
    if (!request.link || !by_checksum) return Error{ESTALE, "has no build id to know it by"};
    const auto checksum = checksums_.Of(file);
    if (!checksum) return checksum.error();
    if (*checksum != request.link->crc) return Error{ESTALE, "is of another build (CRC)"};
  }
  if (!SameCode(request.loads, headers->loads)) {
    return Error{ESTALE, "states other addresses (prelinked?)"};
  }
  if (!HasDebuggingInformation(file, *headers)) return Error{0, "has no debugging information"};
  return Ok();
}

}  // namespace sonde
