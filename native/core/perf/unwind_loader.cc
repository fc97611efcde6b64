#include "core/perf/unwind_loader.h"

#include <sys/resource.h>
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
#include "core/symbols/file_task.h"
#include "core/symbols/vdso.h"

namespace sonde {
namespace {

/// Longer than any file on a disk takes.
constexpr std::chrono::milliseconds kPatience(1000);
constexpr std::chrono::milliseconds kPatienceAtEnd(200);
constexpr int kLoaderPriority = -10;
constexpr size_t kMaxEnvironment = 256 << 10;

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

/// What is known of code that it makes at run time. Nothing, where it could not be read.
bool KeepsFramePointers(const ScannedProcess& process) {
  if (process.mappings.empty()) return false;
  return !MapsJvm(process) || TellsJvmToKeepFramePointers(process.pid);
}

}  // namespace

struct UnwindLoader::Shared {
  using Work = std::function<void()>;
  struct Order {
    /// Says which work this is; asks procfs.
    std::function<ExpendableThread::Task()> task;
    Work work;
    /// When it takes too long.
    Work late;
  };

  UniqueFd wake;
  std::mutex mutex;
  std::condition_variable ordered;
  std::deque<Order> orders;
  bool closed = false;
  bool ended = false;
  Answers answers;
  /// Tables that somebody holds, by fingerprint.
  std::unordered_map<uint64_t, std::weak_ptr<const UnwindTables>> tables;

  void Serve();
  void Ask(Order order);
  void Answer(LoadedImage image);
  void Answer(LoadedProcess process);
  void Wake() const;
  Result<UnwindTablesPtr> TablesOf(const Result<TargetFile>& file);
};

void UnwindLoader::Shared::Serve() {
  // Samples wait for it, and room for them is short; its thread's thread inherits this. Without the privilege it stays
  // as it is.
  (void)setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kLoaderPriority);
  ExpendableThread thread;
  std::unique_lock lock(mutex);
  while (true) {
    ordered.wait(lock, [this] { return closed || !orders.empty(); });
    if (closed) break;
    const Order order = std::move(orders.front());
    orders.pop_front();
    lock.unlock();
    const auto deadline = ExpendableThread::Clock::now() + kPatience;
    const auto outcome = thread.Run(order.task(), order.work, deadline);
    if (outcome != ExpendableThread::Outcome::kDone) order.late();
    lock.lock();
  }
  ended = true;
  ordered.notify_all();
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

/// Files with the same rows share them. Each is read once, because what a file says of itself proves nothing: another
/// may state its build id.
Result<UnwindTablesPtr> UnwindLoader::Shared::TablesOf(const Result<TargetFile>& file) {
  if (!file) return file.error();
  auto read = UnwindTables::Read(*file, kThisArchitecture);
  if (!read) return read.error();
  auto made = std::make_shared<const UnwindTables>(std::move(*read));
  // A Go program's table is not part of the fingerprint.
  if (made->is_go()) return UnwindTablesPtr(made);
  const std::lock_guard lock(mutex);
  std::erase_if(tables, [](const auto& entry) { return entry.second.expired(); });
  std::weak_ptr<const UnwindTables>& known = tables[made->fingerprint()];
  if (auto held = known.lock()) return held;
  known = made;
  return UnwindTablesPtr(made);
}

UnwindLoader::UnwindLoader(UniqueFd wake) : shared_(std::make_shared<Shared>()) {
  shared_->wake = std::move(wake);
  StartThread("sonde-rows", [shared = shared_] { shared->Serve(); }).detach();
}

UnwindLoader::~UnwindLoader() {
  std::unique_lock lock(shared_->mutex);
  shared_->closed = true;
  // What is ordered holds what it would answer to: neither would ever go.
  const auto left = std::exchange(shared_->orders, {});
  shared_->ordered.notify_all();
  // So that nothing is left behind, but for what is stuck.
  shared_->ordered.wait_for(lock, kPatienceAtEnd, [this] { return shared_->ended; });
}

void UnwindLoader::LoadImage(const ImagePtr& image, uint32_t pid) {
  // The thread reads copies: the image itself belongs to the one who asks.
  const bool vdso = image->kind == ImageKind::kVdso;
  auto work = [shared = shared_, image, vdso, path = image->path, file = image->file, pid] {
    const auto opened = vdso ? OpenVdso() : TargetFile::Open(static_cast<pid_t>(pid), path, file);
    const bool may_have_v8 = opened.ok() && !vdso;
    shared->Answer({.image = image,
                    .tables = shared->TablesOf(opened),
                    .v8 = may_have_v8 ? ReadV8Image(*opened) : nullptr});
  };
  auto late = [shared = shared_, image] {
    shared->Answer({.image = image, .tables = Error{ETIMEDOUT, "reading unwind rows"}});
  };
  auto task = [path = image->path, file = image->file, pid] {
    return FileTask(static_cast<pid_t>(pid), path, file);
  };
  shared_->Ask({.task = std::move(task), .work = std::move(work), .late = std::move(late)});
}

void UnwindLoader::LoadProcess(uint32_t pid) {
  auto work = [shared = shared_, pid] {
    LoadedProcess loaded{.process = {.pid = pid, .as_of = MonotonicNow()}};
    loaded.process.mappings = ProcReader().Mappings(static_cast<pid_t>(pid));
    loaded.generated_code_keeps_frame_pointers = KeepsFramePointers(loaded.process);
    shared->Answer(std::move(loaded));
  };
  auto late = [shared = shared_, pid] {
    shared->Answer(LoadedProcess{.process = {.pid = pid, .as_of = MonotonicNow()}});
  };
  auto task = [pid] {
    return TaskOfProcess(static_cast<pid_t>(pid), "mappings of " + std::to_string(pid));
  };
  shared_->Ask({.task = std::move(task), .work = std::move(work), .late = std::move(late)});
}

void UnwindLoader::Answer(const ScannedProcess& process) {
  LoadedProcess loaded{.process = process};
  loaded.generated_code_keeps_frame_pointers = KeepsFramePointers(process);
  shared_->Answer(std::move(loaded));
}

UnwindLoader::Answers UnwindLoader::Take() {
  const std::lock_guard lock(shared_->mutex);
  return std::exchange(shared_->answers, {});
}

}  // namespace sonde
