#include "core/perf/image_reader.h"

#include <cerrno>
#include <condition_variable>
#include <mutex>

#include "core/base/native_thread.h"

namespace sonde {
namespace {

constexpr int kMaxLeftBehind = 8;

ImageFacts ReadFacts(const ImageRequest& request) {
  Error last{ENOENT, "no process to find " + request.path + " through"};
  for (const pid_t pid : request.pids) {
    const auto file = TargetFile::Open(pid, request.path, request.identity);
    if (!file) {
      last = file.error();
      continue;
    }
    const auto hash = ContentHashOf(*file);
    return {ElfHeaders::Read(*file), hash ? std::optional(*hash) : std::nullopt};
  }
  return {last};
}

}  // namespace

struct ImageReader::Job {
  std::vector<ImageRequest> requests;
  std::vector<std::optional<ImageFacts>> results;
  bool given_up = false;
  bool done = false;
};

struct ImageReader::Inbox {
  std::mutex mutex;
  std::condition_variable changed;
  std::shared_ptr<Job> job;
  bool closed = false;
  bool given_up = false;

  /// The body of the thread.
  void Serve();
  void Work(const std::shared_ptr<Job>& job);
};

void ImageReader::Inbox::Serve() {
  std::unique_lock lock(mutex);
  while (!closed) {
    if (job == nullptr || job->done) {
      changed.wait(lock);
      continue;
    }
    const std::shared_ptr<Job> current = job;
    lock.unlock();
    Work(current);
    lock.lock();
    current->done = true;
    changed.notify_all();
  }
}

void ImageReader::Inbox::Work(const std::shared_ptr<Job>& current) {
  for (size_t index = 0; index < current->requests.size(); index++) {
    ImageFacts facts = ReadFacts(current->requests[index]);
    const std::lock_guard lock(mutex);
    if (current->given_up) return;
    current->results[index] = std::move(facts);
  }
}

ImageReader::ImageReader() { StartOver(); }

void ImageReader::StartOver() {
  inbox_ = std::make_shared<Inbox>();
  StartThread("sonde-images", [inbox = inbox_, left_behind = left_behind_] {
    inbox->Serve();
    if (inbox->given_up) --*left_behind;
  }).detach();
}

ImageReader::~ImageReader() {
  const std::lock_guard lock(inbox_->mutex);
  inbox_->closed = true;
  inbox_->changed.notify_all();
}

std::vector<std::optional<ImageFacts>> ImageReader::Read(std::vector<ImageRequest> requests,
                                                         std::chrono::milliseconds limit) {
  const size_t count = requests.size();
  std::vector<std::optional<ImageFacts>> results(count);
  if (count == 0 || *left_behind_ > kMaxLeftBehind) return results;
  auto job = std::make_shared<Job>();
  job->requests = std::move(requests);
  job->results.resize(count);

  std::unique_lock lock(inbox_->mutex);
  inbox_->job = job;
  inbox_->changed.notify_all();
  if (inbox_->changed.wait_for(lock, limit, [&] { return job->done; })) return job->results;

  job->given_up = true;
  inbox_->closed = true;
  inbox_->given_up = true;
  results = job->results;
  for (auto& result : results) {
    if (result) continue;
    result = ImageFacts{Error{ETIMEDOUT, "reading headers"}};
    break;
  }
  lock.unlock();
  ++*left_behind_;
  StartOver();
  return results;
}

}  // namespace sonde
