#include "core/symbols/recorded_kernel_namer.h"

#include <fcntl.h>

#include <algorithm>
#include <unordered_map>

#include "core/base/hexadecimal.h"
#include "core/symbols/target_root.h"

namespace sonde {
namespace {

constexpr uint64_t kModulePage = 4096;

/// Where distributions and kernel developers put the kernel with its symbols.
std::vector<std::string> KernelPaths(const std::string& release) {
  if (release.empty() || release.find('/') != std::string::npos) return {"/vmlinux"};
  return {"/usr/lib/debug/boot/vmlinux-" + release,
          "/usr/lib/debug/lib/modules/" + release + "/vmlinux",
          "/usr/lib/debug/usr/lib/modules/" + release + "/vmlinux",
          "/boot/vmlinux-" + release,
          "/lib/modules/" + release + "/vmlinux",
          "/lib/modules/" + release + "/build/vmlinux",
          "/vmlinux"};
}

std::vector<std::string> PathsOfId(const std::vector<uint8_t>& build_id,
                                   const RecordedPlaces& places) {
  if (build_id.size() < 2) return {};
  const std::string id = Hexadecimal(build_id);
  const std::string folder = "/.build-id/" + id.substr(0, 2) + '/' + id.substr(2);
  std::vector<std::string> paths;
  for (const auto& cache : places.build_id_caches) {
    for (const char* const name : {"/elf", "/debug"}) paths.push_back(cache + folder + name);
  }
  for (const auto& directory : places.debug_directories) {
    for (const char* const end : {".debug", ""}) paths.push_back(directory + folder + end);
  }
  return paths;
}

void AddSentence(std::string& text, const std::string& sentence) {
  if (!text.empty()) text += "; ";
  text += sentence;
}

Result<TargetFile> OpenNamed(const std::string& path) {
  const UniqueFd found(open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!found) return SystemError("open(" + path + ")");
  return OpenRegularFile(found, path);
}

}  // namespace

NameResult RecordedKernelNamer::Name(const RecordedKernel& kernel,
                                     std::span<const uint64_t> addresses) {
  const std::lock_guard lock(mutex_);
  // What was not there may have come meanwhile.
  if (!image_ && !list_) Choose(kernel);
  std::erase_if(modules_, [](const auto& entry) { return !entry.second; });
  NameResult result = NameResult::None(addresses.size(), "");
  std::unordered_map<uint64_t, uint32_t> known;  // start → what stands in `name`
  for (size_t i = 0; i < addresses.size(); i++) {
    const auto function = Find(kernel, addresses[i]);
    if (!function || function->name.empty()) continue;
    const auto [entry, is_new] = known.try_emplace(function->start, 0);
    if (is_new) entry->second = result.Add(function->name, function->name);
    result.name[i] = entry->second;
    const uint64_t offset = addresses[i] - function->start;
    result.offset[i] = static_cast<uint32_t>(std::min<uint64_t>(offset, UINT32_MAX));
  }
  result.problem = problem_;
  if (!note_.empty()) result.AddNote(note_);
  return result;
}

size_t RecordedKernelNamer::bytes() const {
  const std::lock_guard lock(mutex_);
  size_t bytes = (image_ ? image_->bytes() : 0) + (list_ ? list_->bytes() : 0);
  for (const auto& [name, functions] : modules_) bytes += functions ? functions->bytes() : 0;
  return bytes;
}

void RecordedKernelNamer::Choose(const RecordedKernel& kernel) {
  problem_.clear();
  note_.clear();
  ChooseNamed(kernel);
  if (!kernel.build_id.empty()) ChooseFound(kernel);
}

void RecordedKernelNamer::ChooseNamed(const RecordedKernel& kernel) {
  const auto refuse = [this](const std::string& option, const Error& error) {
    AddSentence(problem_, option + ": " + Explain(error));
  };
  if (!named_.vmlinux.empty()) {
    const auto file = OpenNamed(named_.vmlinux);
    const Status taken = file ? TakeImage(*file, kernel) : Status(file.error());
    if (!taken) refuse("--vmlinux " + named_.vmlinux, taken.error());
  }
  if (!named_.kallsyms.empty()) {
    const Status taken = TakeList(named_.kallsyms, kernel);
    if (!taken) refuse("--kallsyms " + named_.kallsyms, taken.error());
  }
}

/// By build id, which proves them.
void RecordedKernelNamer::ChooseFound(const RecordedKernel& kernel) {
  const FileIdentity identity = {.build_id = kernel.build_id};
  const RecordedPlaces& places = files_.places();
  const std::string root = places.root.empty() ? "/" : places.root;
  const auto take = [&](const std::string& below, const std::vector<std::string>& paths) {
    for (const std::string& path : paths) {
      if (image_) return;
      const auto file = TargetFile::OpenRecorded(below, path, identity);
      // One without symbols leaves the others a chance.
      if (file) (void)TakeImage(*file, kernel);
    }
  };
  if (!list_) take(root, KernelPaths(kernel.release));
  if (!list_) take("/", PathsOfId(kernel.build_id, places));
  if (list_) return;
  const auto kept = files_.OpenCached(kernel.build_id, "kallsyms");
  if (kept) (void)TakeList("/proc/self/fd/" + std::to_string(kept->descriptor()), kernel);
}

Status RecordedKernelNamer::TakeImage(const TargetFile& file, const RecordedKernel& kernel) {
  auto image = KernelImage::Read(file);
  if (!image) return image.error();
  if (kernel.text == 0) return Error{0, "the recording does not say where its kernel lay"};
  if (image->marks().text == 0) return Error{0, "it has no symbol _text: is it a kernel?"};
  if (!kernel.build_id.empty() && image->build_id() != kernel.build_id) {
    const std::string own = image->build_id().empty() ? "none" : Hexadecimal(image->build_id());
    return Error{0, "its build id is " + own + ", the recorded kernel is " + kernel.Text() +
                        ": name the vmlinux of that build"};
  }
  if (kernel.build_id.empty()) {
    const auto verdict = CompareLayout(kernel, image->marks());
    if (verdict == LayoutVerdict::kOther) {
      return Error{
          0, "it is not the recorded kernel " + kernel.Text() + ": its code has another size"};
    }
    AddSentence(note_,
                "the recording has no build id of its kernel: that " + named_.vmlinux +
                    (verdict == LayoutVerdict::kSame ? " is of the same size is all that is known"
                                                     : " is its own could not be checked"));
  }
  image_ = std::move(*image);
  return Ok();
}

Status RecordedKernelNamer::TakeList(const std::string& path, const RecordedKernel& kernel) {
  if (kernel.text == 0) return Error{0, "the recording does not say where its kernel lay"};
  auto list = KernelSymbols::Read(path);
  if (!list) return list.error();
  switch (CompareLayout(kernel, list->marks())) {
    case LayoutVerdict::kOther:
      return Error{0,
                   "it is not of the recorded kernel " + kernel.Text() +
                       ": its code has another size. Copy /proc/kallsyms of the machine that was "
                       "recorded while that kernel runs"};
    case LayoutVerdict::kUnknown:
      AddSentence(note_, "the recording does not say how long its kernel is: that " + path +
                             " is of that kernel could not be checked");
      break;
    case LayoutVerdict::kSame:
      break;
  }
  list_ = std::move(*list);
  return Ok();
}

std::optional<RecordedKernelNamer::Function> RecordedKernelNamer::Find(const RecordedKernel& kernel,
                                                                       uint64_t avma) {
  if (const RecordedModule* module = kernel.ModuleAt(avma)) {
    return FindInModule(*module, avma, list_ && list_->text() == kernel.text);
  }
  return kernel.text == 0 ? std::nullopt : FindOwn(avma, kernel.text);
}

std::optional<RecordedKernelNamer::Function> RecordedKernelNamer::FindOwn(
    uint64_t avma, uint64_t recorded_text) const {
  const uint64_t offset = avma - recorded_text;
  if (image_) {
    const KernelMarks& marks = image_->marks();
    if (marks.text_end != 0 && offset >= marks.text_end - marks.text) return std::nullopt;
    const auto match = image_->Find(marks.text + offset);
    if (match) return Function{image_->NameOf(*match), avma - match->offset};
  }
  if (!list_ || offset >= list_->text_end() - list_->text()) return std::nullopt;
  const auto match = list_->Find(list_->text() + offset);
  if (!match) return std::nullopt;
  return Function{std::string(match->name), match->start - list_->text() + recorded_text};
}

std::optional<RecordedKernelNamer::Function> RecordedKernelNamer::FindInModule(
    const RecordedModule& module, uint64_t avma, bool same_boot) {
  // A module that was loaded again lies elsewhere, perhaps over its old place.
  if (same_boot &&
      list_->FirstFunctionOf(module.name) / kModulePage == module.start / kModulePage) {
    const auto match = list_->Find(avma);
    if (match && match->module == module.name)
      return Function{std::string(match->name), match->start};
  }
  const ModuleFunctions* functions = FunctionsOf(module);
  if (functions == nullptr) return std::nullopt;
  const auto match = functions->Find(avma - module.start);
  if (!match) return std::nullopt;
  return Function{std::string(match->name), avma - match->offset};
}

const ModuleFunctions* RecordedKernelNamer::FunctionsOf(const RecordedModule& module) {
  const auto [entry, is_new] = modules_.try_emplace(module.name);
  if (is_new && !module.build_id.empty()) {
    const std::string path = module.path.empty() ? "/" + module.name + ".ko" : module.path;
    const FileIdentity identity = {.build_id = module.build_id};
    const auto take = [&](const Result<TargetFile>& file) {
      if (!file || entry->second) return;
      auto functions = ModuleFunctions::Read(*file);
      if (functions) entry->second = std::move(*functions);
    };
    take(files_.Open(path, identity));
    for (const std::string& other : PathsOfId(module.build_id, files_.places())) {
      if (!entry->second) take(TargetFile::OpenRecorded("/", other, identity));
    }
  }
  return entry->second ? &*entry->second : nullptr;
}

}  // namespace sonde
