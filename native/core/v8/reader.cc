#include "core/v8/reader.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>

#include "core/base/clock.h"
#include "core/base/native_thread.h"
#include "core/symbols/expendable_thread.h"
#include "core/symbols/file_task.h"
#include "core/v8/live_memory.h"

namespace sonde {
namespace {

/// Reading the memory of a process that runs takes microseconds.
constexpr std::chrono::milliseconds kReadPatience(500);
constexpr std::chrono::milliseconds kReadPatienceAtEnd(200);
constexpr size_t kMaxQuestions = 32'768;
/// Asked of one process at once.
constexpr size_t kMaxBatch = 256;
/// Of the processes whose heap is known, the least recently asked for goes.
constexpr size_t kMaxHeaps = 32;
/// Of all heaps, the one that is read included: those least recently asked for go before it is more.
constexpr size_t kMaxKeptBytes = 16 << 20;

}  // namespace

/// A process whose memory is read. Used by one thread at a time.
class V8Reader::Heap {
 public:
  Heap(ReadingBudget::Process process, V8ImagePtr image)
      : process_(process),
        image_(std::move(image)),
        memory_(static_cast<pid_t>(process.pid)),
        namer_(memory_, *image_->layout) {}

  uint32_t pid() const { return process_.pid; }
  bool IsOf(const V8Reader::Question& question) const {
    return process_ == ProcessOf(question) && image_ == question.image;
  }
  static ReadingBudget::Process ProcessOf(const V8Reader::Question& question) {
    return {.pid = question.pid, .began_at = question.began_at};
  }
  /// From any thread.
  size_t kept_bytes() const { return kept_bytes_; }
  bool IsReadable() const { return memory_.IsReadable(); }

  V8Answer Name(const V8Frame& frame, ReadingBudget& budget) {
    if (!budget.Allows(process_, MonotonicNow())) return {};
    const uint64_t before = ClockNow(CLOCK_THREAD_CPUTIME_ID);
    V8Answer answer = namer_.Name(frame);
    budget.Charge(process_, ClockNow(CLOCK_THREAD_CPUTIME_ID) - before, MonotonicNow());
    kept_bytes_ = namer_.kept_bytes();
    if (memory_.refused()) answer = {.state = V8Answer::State::kUnreadable};
    return answer;
  }

 private:
  const ReadingBudget::Process process_;
  const V8ImagePtr image_;
  LiveMemory memory_;
  V8FrameNamer namer_;
  std::atomic<size_t> kept_bytes_ = 0;
};

struct V8Reader::Shared : std::enable_shared_from_this<V8Reader::Shared> {
  using Batch = std::vector<Question>;

  explicit Shared(ReadingBudget::Limits limits) : budget(limits) {}

  ReadingBudget budget;
  std::mutex mutex;
  std::condition_variable asked;
  std::deque<Question> questions;
  std::vector<Reply> replies;
  bool closed = false;
  bool ended = false;
  /// The serving thread's; most recently asked first.
  std::deque<std::shared_ptr<Heap>> heaps;
  /// Those whose threads were given up, as long as these live.
  std::vector<std::weak_ptr<Heap>> lost;

  void Serve();
  Batch NextBatch();
  void Answer(const std::shared_ptr<const Batch>& batch, ExpendableThread& thread);
  std::shared_ptr<Heap> HeapOf(const Question& question);
  void BoundHeaps();
  void ReplyTo(const Question& question, V8Answer answer);
};

/// What waits to be asked of one process. With the mutex held.
V8Reader::Shared::Batch V8Reader::Shared::NextBatch() {
  Batch batch = {std::move(questions.front())};
  questions.pop_front();
  std::erase_if(questions, [&batch](Question& question) {
    const Question& first = batch.front();
    const bool taken = batch.size() < kMaxBatch && question.pid == first.pid &&
                       question.began_at == first.began_at && question.image == first.image;
    if (taken) batch.push_back(std::move(question));
    return taken;
  });
  return batch;
}

std::shared_ptr<V8Reader::Heap> V8Reader::Shared::HeapOf(const Question& question) {
  const auto known =
      std::ranges::find_if(heaps, [&question](const auto& heap) { return heap->IsOf(question); });
  std::shared_ptr<Heap> heap;
  if (known != heaps.end()) {
    heap = *known;
    heaps.erase(known);
  } else {
    heap = std::make_shared<Heap>(Heap::ProcessOf(question), question.image);
    if (heaps.size() >= kMaxHeaps) heaps.pop_back();
  }
  heaps.push_front(heap);
  return heap;
}

/// The first is kept: its own bound holds.
void V8Reader::Shared::BoundHeaps() {
  std::erase_if(lost, [](const std::weak_ptr<Heap>& heap) { return heap.expired(); });
  size_t bytes = 0;
  for (const auto& heap : heaps) bytes += heap->kept_bytes();
  for (const auto& weak : lost) {
    if (const auto heap = weak.lock()) bytes += heap->kept_bytes();
  }
  while (bytes > kMaxKeptBytes && heaps.size() > 1) {
    bytes -= heaps.back()->kept_bytes();
    heaps.pop_back();
  }
}

void V8Reader::Shared::ReplyTo(const Question& question, V8Answer answer) {
  const std::lock_guard lock(mutex);
  replies.push_back({question.id, std::move(answer)});
}

/// What the work needs is its own: it may never end.
void V8Reader::Shared::Answer(const std::shared_ptr<const Batch>& batch, ExpendableThread& thread) {
  const auto heap = HeapOf(batch->front());
  auto work = [shared = shared_from_this(), batch, heap] {
    const bool readable = heap->IsReadable();
    for (const Question& question : *batch) {
      shared->ReplyTo(question, readable ? heap->Name(question.frame, shared->budget)
                                         : V8Answer{.state = V8Answer::State::kUnreadable});
    }
  };
  const auto pid = static_cast<pid_t>(heap->pid());
  const auto outcome = thread.Run(TaskOfProcess(pid, "memory of " + std::to_string(pid)),
                                  std::move(work), ExpendableThread::Clock::now() + kReadPatience);
  if (outcome == ExpendableThread::Outcome::kDone) return BoundHeaps();
  if (outcome == ExpendableThread::Outcome::kLate) {
    std::erase(heaps, heap);
    lost.emplace_back(heap);
  }
  for (const Question& question : *batch) ReplyTo(question, {});
}

void V8Reader::Shared::Serve() {
  ExpendableThread thread;
  std::unique_lock lock(mutex);
  while (true) {
    asked.wait(lock, [this] { return closed || !questions.empty(); });
    if (closed) break;
    const auto batch = std::make_shared<const Batch>(NextBatch());
    lock.unlock();
    Answer(batch, thread);
    lock.lock();
  }
  ended = true;
  asked.notify_all();
}

V8Reader::V8Reader(ReadingBudget::Limits limits) : shared_(std::make_shared<Shared>(limits)) {
  StartThread("sonde-v8", [shared = shared_] { shared->Serve(); }).detach();
}

V8Reader::~V8Reader() {
  std::unique_lock lock(shared_->mutex);
  shared_->closed = true;
  shared_->asked.notify_all();
  // So that nothing is left behind, but for what is stuck.
  shared_->asked.wait_for(lock, kReadPatienceAtEnd, [this] { return shared_->ended; });
}

bool V8Reader::Ask(Question question) {
  const std::lock_guard lock(shared_->mutex);
  if (shared_->questions.size() >= kMaxQuestions) return false;
  shared_->questions.push_back(std::move(question));
  shared_->asked.notify_one();
  return true;
}

std::vector<V8Reader::Reply> V8Reader::Take() {
  const std::lock_guard lock(shared_->mutex);
  return std::exchange(shared_->replies, {});
}

}  // namespace sonde
