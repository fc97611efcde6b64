#include "core/perf/unwind_loader.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string_view>
#include <unordered_map>

#include "core/base/clock.h"
#include "core/base/native_thread.h"
#include "core/base/small_file.h"
#include "core/symbols/expendable_thread.h"
#include "core/symbols/vdso.h"

namespace sonde {
namespace {

/// Longer than any file on a disk takes.
constexpr std::chrono::milliseconds kPatience(1000);
constexpr size_t kMaxEnvironment = 256 << 10;

/// What tells equal contents: build id and size, else the file itself.
std::string ContentKey(const TargetFile& file, const std::vector<uint8_t>& build_id) {
  std::string key = std::to_string(file.size()) + '/';
  if (!build_id.empty()) return key.append(build_id.begin(), build_id.end());
  struct stat status = {};
  if (fstat(file.descriptor(), &status) != 0) return {};
  for (const auto part :
       {static_cast<uint64_t>(status.st_dev), static_cast<uint64_t>(status.st_ino),
        static_cast<uint64_t>(status.st_mtim.tv_sec),
        static_cast<uint64_t>(status.st_mtim.tv_nsec)}) {
    key += std::to_string(part) + '/';
  }
  return key;
}

bool MapsJvm(const ScannedProcess& process) {
  return std::ranges::any_of(process.mappings, [](const ScannedMapping& mapping) {
    return mapping.path.ends_with("/libjvm.so");
  });
}

/// HotSpot's compilers use the frame pointer as any other register unless they are told to keep it.
bool TellsJvmToKeepFramePointers(uint32_t pid) {
  const std::string directory = "/proc/" + std::to_string(pid);
  for (const char* name : {"/cmdline", "/environ"}) {
    const auto text = ReadSmallFile(directory + name, kMaxEnvironment);
    if (text && text->find("-XX:+PreserveFramePointer") != std::string::npos) return true;
  }
  return false;
}

}  // namespace

struct UnwindLoader::Shared {
  using Work = std::function<void()>;
  struct Order {
    std::string name;
    Work work;
    /// When it takes too long.
    Work late;
  };

  UniqueFd wake;
  std::mutex mutex;
  std::condition_variable ordered;
  std::deque<Order> orders;
  bool closed = false;
  Answers answers;
  /// Tables that somebody holds, by content.
  std::unordered_map<std::string, std::weak_ptr<const UnwindTables>> tables;

  void Serve();
  void Ask(Order order);
  void Answer(LoadedImage image);
  void Answer(LoadedProcess process);
  void Wake() const;
  Result<UnwindTablesPtr> TablesOf(const Result<TargetFile>& file);
};

void UnwindLoader::Shared::Serve() {
  ExpendableThread thread;
  std::unique_lock lock(mutex);
  while (true) {
    ordered.wait(lock, [this] { return closed || !orders.empty(); });
    if (closed) return;
    const Order order = std::move(orders.front());
    orders.pop_front();
    lock.unlock();
    const auto deadline = ExpendableThread::Clock::now() + kPatience;
    const auto outcome = thread.Run(order.name, order.work, deadline);
    if (outcome != ExpendableThread::Outcome::kDone) order.late();
    lock.lock();
  }
}

void UnwindLoader::Shared::Ask(Order order) {
  const std::lock_guard lock(mutex);
  orders.push_back(std::move(order));
  ordered.notify_one();
}

void UnwindLoader::Shared::Answer(LoadedImage image) {
  const std::lock_guard lock(mutex);
  answers.images.push_back(std::move(image));
  Wake();
}

void UnwindLoader::Shared::Answer(LoadedProcess process) {
  const std::lock_guard lock(mutex);
  answers.processes.push_back(std::move(process));
  Wake();
}

void UnwindLoader::Shared::Wake() const {
  const uint64_t one = 1;
  (void)!write(wake.get(), &one, sizeof(one));
}

Result<UnwindTablesPtr> UnwindLoader::Shared::TablesOf(const Result<TargetFile>& file) {
  if (!file) return file.error();
  const auto headers = ElfHeaders::Read(*file);
  if (!headers) return headers.error();
  const std::string key = ContentKey(*file, headers->build_id);
  {
    const std::lock_guard lock(mutex);
    const auto known = tables.find(key);
    if (known != tables.end()) {
      if (auto held = known->second.lock()) return held;
    }
  }
  auto read = UnwindTables::Read(*file, kThisArchitecture);
  if (!read) return read.error();
  auto made = std::make_shared<const UnwindTables>(std::move(*read));
  const std::lock_guard lock(mutex);
  std::erase_if(tables, [](const auto& entry) { return entry.second.expired(); });
  if (!key.empty()) tables[key] = made;
  return UnwindTablesPtr(made);
}

UnwindLoader::UnwindLoader(UniqueFd wake) : shared_(std::make_shared<Shared>()) {
  shared_->wake = std::move(wake);
  StartThread("sonde-rows", [shared = shared_] { shared->Serve(); }).detach();
}

UnwindLoader::~UnwindLoader() {
  const std::lock_guard lock(shared_->mutex);
  shared_->closed = true;
  shared_->ordered.notify_one();
}

void UnwindLoader::LoadImage(const ImagePtr& image, uint32_t pid) {
  // The thread reads copies: the image itself belongs to the one who asks.
  const bool vdso = image->kind == ImageKind::kVdso;
  auto work = [shared = shared_, image, vdso, path = image->path, file = image->file, pid] {
    const auto opened = vdso ? OpenVdso() : TargetFile::Open(static_cast<pid_t>(pid), path, file);
    shared->Answer({image, shared->TablesOf(opened)});
  };
  auto late = [shared = shared_, image] {
    shared->Answer({image, Error{ETIMEDOUT, "reading unwind rows"}});
  };
  shared_->Ask({.name = image->path, .work = std::move(work), .late = std::move(late)});
}

void UnwindLoader::LoadProcess(uint32_t pid) {
  auto work = [shared = shared_, pid] {
    LoadedProcess loaded{.process = {.pid = pid, .as_of = MonotonicNow()}};
    loaded.process.mappings = ProcReader().Mappings(static_cast<pid_t>(pid));
    if (MapsJvm(loaded.process)) {
      loaded.generated_code_keeps_frame_pointers = TellsJvmToKeepFramePointers(pid);
    }
    shared->Answer(std::move(loaded));
  };
  auto late = [shared = shared_, pid] {
    shared->Answer(LoadedProcess{.process = {.pid = pid, .as_of = MonotonicNow()}});
  };
  shared_->Ask({.name = "/proc/" + std::to_string(pid) + "/maps",
                .work = std::move(work),
                .late = std::move(late)});
}

UnwindLoader::Answers UnwindLoader::Take() {
  const std::lock_guard lock(shared_->mutex);
  return std::exchange(shared_->answers, {});
}

}  // namespace sonde
