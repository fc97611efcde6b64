#include "core/recorded/recorded_code.h"

#include <utility>

#include "core/base/clock.h"
#include "core/symbols/vdso.h"

namespace sonde {
namespace {

constexpr size_t kMaxTableBytes = 256 << 20;
/// CPU time for all rows: so much at once, and a tenth of the time that passes. Forged ones are as dear as they can be.
constexpr uint64_t kMakingRowsAtOnce = 2'000'000'000;
constexpr uint64_t kMakingRowsShare = 10;
/// Longer than any file on a disk takes.
constexpr std::chrono::seconds kPatienceWithFile(5);

using File = Result<TargetFile>;

/// Another kernel's is in no file but perf's cache.
File OpenRecordedVdso(const RecordedFiles& files, const std::vector<uint8_t>& build_id,
                      bool same_kernel) {
  if (build_id.empty()) {
    if (same_kernel) return OpenVdso();
    return Error{ESTALE, "[vdso]: of another kernel"};
  }
  auto own = OpenVdso();
  const auto headers = own ? ElfHeaders::Read(*own) : Result<ElfHeaders>(own.error());
  if (headers && headers->build_id == build_id) return own;
  auto cached = files.OpenCached(build_id, "vdso");
  const auto stated = cached ? ElfHeaders::Read(*cached) : Result<ElfHeaders>(cached.error());
  if (stated && stated->build_id != build_id) return Error{ESTALE, "[vdso]: another one"};
  return cached;
}

/// Whether it says of the file itself that it cannot be used; everything else says that it is not there.
bool IsOfContent(int code) {
  return code == ENOEXEC || code == E2BIG || code == EIO || code == ETIMEDOUT;
}

}  // namespace

RecordedCode::RecordedCode(const Architecture& architecture, const RecordedSpaces& spaces,
                           Sources sources)
    : architecture_(architecture),
      spaces_(spaces),
      same_kernel_(sources.same_kernel),
      files_(std::make_shared<const RecordedFiles>(std::move(sources.places))),
      library_(*this, kMaxTableBytes),
      generated_name_(library_.names().Add("code made at run time")),
      allowance_{.at_once = kMakingRowsAtOnce, .share = kMakingRowsShare, .since = MonotonicNow()} {
}

void RecordedCode::Enter(uint32_t pid) {
  pid_ = pid;
  now_ = MonotonicNow();
  library_.Tidy(now_);
}

const MappedRange* RecordedCode::FileAt(uint64_t address) const {
  const MappedRange* const range = spaces_.Find(pid_, address);
  if (range == nullptr) return nullptr;
  const ImageKind kind = range->image->kind;
  return kind == ImageKind::kFile || kind == ImageKind::kVdso ? range : nullptr;
}

Code RecordedCode::At(uint64_t address) {
  const MappedRange* const range = spaces_.Find(pid_, address);
  if (range == nullptr) return {};
  if (FileAt(address) == nullptr) {
    return {.state = Code::State::kKnown,
            .keeps_frame_pointers = !spaces_.RunsJava(pid_),
            .generated = true,
            .name = generated_name_};
  }
  const auto absent = absent_.find(range->image.get());
  if (absent != absent_.end()) return {.state = Code::State::kAbsent, .name = absent->second.name};
  return library_.At(*range, address, Asker());
}

std::optional<CfiRow> RecordedCode::RulesAt(uint64_t address) {
  const MappedRange* const range = FileAt(address);
  if (range == nullptr) return std::nullopt;
  return library_.RulesAt(*range, address, Asker());
}

void RecordedCode::LoadImage(const ImagePtr& image, uint32_t) { wanted_.push_back(image); }

bool RecordedCode::ReadWanted() {
  const auto wanted = std::exchange(wanted_, {});
  for (const ImagePtr& image : wanted) Read(image);
  return !wanted.empty();
}

void RecordedCode::Read(const ImagePtr& image) {
  auto tables = ReadTables(*image);
  if (tables || IsOfContent(tables.error().code)) {
    library_.Add({.image = image, .tables = std::move(tables)}, MonotonicNow());
    return;
  }
  const FileIdentity& file = image->file;
  const bool known = !file.build_id.empty() || !file.content_hash.empty();
  const std::string name = image->path.substr(image->path.rfind('/') + 1);
  const bool says_nothing = !known && image->kind == ImageKind::kFile;
  absent_[image.get()] = {
      .image = image,
      .name = library_.names().Add(says_nothing ? name + " (no build id recorded)" : name)};
}

/// A dead file system, or a hostile one, would block for ever.
Result<UnwindTablesPtr> RecordedCode::ReadTables(const Image& image) {
  using Tables = Result<UnwindTablesPtr>;
  const auto answer = std::make_shared<Tables>(Error{ETIMEDOUT, image.path});
  auto work = [answer, files = files_, architecture = &architecture_, path = image.path,
               identity = image.file, vdso = image.kind == ImageKind::kVdso, same = same_kernel_] {
    const auto file =
        vdso ? OpenRecordedVdso(*files, identity.build_id, same) : files->Open(path, identity);
    if (!file) {
      *answer = file.error();
      return;
    }
    auto read = UnwindTables::Read(*file, *architecture);
    if (read) {
      *answer = UnwindTablesPtr(std::make_shared<const UnwindTables>(std::move(*read)));
    } else {
      *answer = read.error();
    }
  };
  const auto deadline = ExpendableThread::Clock::now() + kPatienceWithFile;
  const auto outcome = thread_.Run(image.path, std::move(work), deadline);
  if (outcome == ExpendableThread::Outcome::kDone) return std::move(*answer);
  return Error{ETIMEDOUT, image.path};
}

}  // namespace sonde
