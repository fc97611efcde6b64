// Functions are read out of memory that may be anybody's, may stop a read for ever, and may cost what it will.
#include "core/v8/reader.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "core/base/clock.h"
#include "core/base/unique_fd.h"
#include "v8/live_heap.h"

namespace sonde {
namespace {

using State = V8Answer::State;

/// So long as one read and what waits behind it may take, on a machine that is busy.
constexpr int kMaxTries = 20'000;

class V8ReaderTest : public testing::Test {
 protected:
  V8ReaderTest() { heap_.Publish(); }

  V8Reader::Question About(uint32_t id, uint64_t began_at = 1) const {
    return {.id = id,
            .pid = heap_.pid(),
            .began_at = began_at,
            .image = heap_.image,
            .frame = {.function = work_.closure, .bytecode_array = work_.bytecode}};
  }
  /// The next reply to a question of this number; `kUnknownVersion` where there is none.
  static V8Answer ReplyTo(V8Reader& reader, uint32_t id) {
    for (int tries = 0; tries < kMaxTries; tries++) {
      for (V8Reader::Reply& reply : reader.Take()) {
        if (reply.id == id) return reply.answer;
      }
      usleep(1000);
    }
    return {.state = State::kUnknownVersion};
  }
  static V8Answer Answer(V8Reader& reader, const V8Reader::Question& question) {
    reader.Ask(question);
    return ReplyTo(reader, question.id);
  }

  test::LiveHeap heap_;
  test::LiveFunction work_ = test::LiveFunction::Make(heap_.forged, "work");
};

/// No time comes back.
constexpr ReadingBudget::Limits kOneQuestion{.at_once = 0, .share = UINT64_MAX};

TEST_F(V8ReaderTest, FunctionsAreReadOutOfAProcess) {
  V8Reader reader;
  const V8Answer answer = Answer(reader, About(1));
  ASSERT_EQ(answer.state, State::kNamed);
  EXPECT_EQ(answer.functions.at(0)->name, "work");
}

TEST_F(V8ReaderTest, AProcessThatHasTakenItsTimeIsNotRead) {
  V8Reader reader(kOneQuestion);
  EXPECT_EQ(Answer(reader, About(1)).state, State::kNamed);
  EXPECT_EQ(Answer(reader, About(2)).state, State::kLate);
  EXPECT_EQ(Answer(reader, About(3, 2)).state, State::kNamed) << "that is another one";
}

TEST_F(V8ReaderTest, WhatAProcessHasTakenIsRememberedWhenItsHeapIsForgotten) {
  V8Reader reader(kOneQuestion);
  EXPECT_EQ(Answer(reader, About(1)).state, State::kNamed);
  for (uint32_t other = 2; other < 70; other++) {
    ASSERT_EQ(Answer(reader, About(other, other)).state, State::kNamed);
  }
  EXPECT_EQ(Answer(reader, About(100)).state, State::kLate);
}

TEST_F(V8ReaderTest, HeapsLeastRecentlyAskedForAreForgottenBeforeAllTakeTooManyBytes) {
  // What one process makes the reader keep, of paths alone, is 1.5 MiB, and of 12 processes more than the 16 that there are.
  constexpr uint32_t kFunctions = 380, kProcesses = 12;
  std::vector<test::LiveFunction> functions;
  for (uint32_t number = 0; number < kFunctions; number++) {
    functions.push_back(test::LiveFunction::Make(heap_.forged, "f", std::string(4000, 'a')));
  }
  heap_.Publish();
  V8Reader reader;
  for (uint32_t process = 1; process <= kProcesses; process++) {
    V8Reader::Question question = About(1, process);
    for (const test::LiveFunction& function : functions) {
      question.id = function.bytecode == functions.back().bytecode ? 2 : 1;
      question.frame = {.function = function.closure, .bytecode_array = function.bytecode};
      reader.Ask(question);
    }
    ASSERT_EQ(ReplyTo(reader, 2).state, State::kNamed);
  }
  // Only what was seen before says whose bytecode this is.
  const auto state_without_closure = [&](uint64_t process) {
    V8Reader::Question question = About(3, process);
    question.frame = {.time = MonotonicNow(), .bytecode_array = functions.back().bytecode};
    return Answer(reader, question).state;
  };
  EXPECT_EQ(state_without_closure(kProcesses), State::kNamed);
  EXPECT_EQ(state_without_closure(1), State::kMoved);
}

/// A page of this process that nobody can read until it is filled.
class StuckPage {
 public:
  StuckPage() {
    uffd_ = UniqueFd(static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC)));
    uffdio_api api = {.api = UFFD_API, .features = 0, .ioctls = 0};
    page_ = mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uffdio_register range = {.range = {.start = start(), .len = kSize},
                             .mode = UFFDIO_REGISTER_MODE_MISSING,
                             .ioctls = 0};
    works_ = uffd_ && ioctl(uffd_.get(), UFFDIO_API, &api) == 0 &&
             ioctl(uffd_.get(), UFFDIO_REGISTER, &range) == 0;
  }
  ~StuckPage() { munmap(page_, kSize); }
  StuckPage(const StuckPage&) = delete;
  StuckPage& operator=(const StuckPage&) = delete;

  bool works() const { return works_; }
  uint64_t start() const { return reinterpret_cast<uint64_t>(page_); }
  void Fill() const {
    uffdio_zeropage zeroes = {.range = {.start = start(), .len = kSize}, .mode = 0, .zeropage = 0};
    ioctl(uffd_.get(), UFFDIO_ZEROPAGE, &zeroes);
  }

 private:
  static constexpr size_t kSize = 4096;
  UniqueFd uffd_;
  void* page_ = MAP_FAILED;
  bool works_ = false;
};

TEST_F(V8ReaderTest, AReadThatNeverEndsIsLateAndHoldsUpNobodyElse) {
  const StuckPage page;
  if (!page.works()) GTEST_SKIP() << "userfaultfd: not permitted";
  V8Reader reader;
  V8Reader::Question stuck = About(1);
  stuck.frame.bytecode_array = page.start() + 1;
  reader.Ask(stuck);
  EXPECT_EQ(ReplyTo(reader, 1).state, State::kLate);
  // Its process is not asked while a thread is stuck there; others are.
  EXPECT_EQ(Answer(reader, About(2)).state, State::kLate);
  V8Reader::Question other = About(3);
  other.pid = 5'000'000;
  EXPECT_EQ(Answer(reader, other).state, State::kUnreadable);

  page.Fill();
  EXPECT_EQ(ReplyTo(reader, 1).state, State::kMoved) << "the answer comes late, but it comes";
  EXPECT_EQ(Answer(reader, About(4)).state, State::kNamed);
}

}  // namespace
}  // namespace sonde
