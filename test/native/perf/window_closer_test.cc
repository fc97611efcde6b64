// What two CPUs reported out of order is ordered by time before the window is closed.
#include "core/perf/window_closer.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <optional>

#include "perf/record_bytes.h"
#include "perf/window_view.h"

namespace sonde {
namespace {

/// No process of the machine: pids end at 4,194,304.
constexpr uint32_t kPid = 5'000'000;
constexpr uint32_t kSession = 7;

class WindowCloserTest : public testing::Test {
 protected:
  WindowCloserTest()
      : closer_({{.id = kSession, .name = "cpu-clock", .frequency = 99, .max_stack = 127}},
                {.kind = TargetOptions::Kind::kCommand}) {
    NextWindow();
  }

  void NextWindow() {
    window_.emplace(WindowOptions{.max_samples = 100, .max_stack_bytes = 1 << 20}, 2, 1, 3);
  }
  void Sample(uint32_t cpu, uint64_t time) {
    const uint64_t chain[] = {test::kUserMarker, 0x401000};
    window_->AddSample(cpu, 0,
                       {.pid = kPid, .tid = kPid, .time = time, .cpu = cpu, .chain = chain});
  }
  void Comm(uint64_t time, const std::string& name, bool exec = false) {
    window_->AddRecord({.kind = ProcessEventKind::kComm,
                        .time = time,
                        .pid = kPid,
                        .tid = kPid,
                        .exec = exec,
                        .text = name});
  }
  void Map(uint64_t time, const std::string& path) {
    window_->AddRecord({.kind = ProcessEventKind::kMmap,
                        .time = time,
                        .pid = kPid,
                        .tid = kPid,
                        .text = path,
                        .start = 0x400000,
                        .end = 0x500000});
  }
  void Close() { bytes_ = closer_.Close(*window_, {.start = 1, .end = 100, .sequence = 4}); }

  template <typename Value>
  std::vector<Value> Samples(layout::Section section) const {
    return test::WindowView(bytes_).Column<Value>(section, kSession);
  }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto comm : Samples<uint32_t>(layout::kSampleComm)) {
      names.push_back(test::WindowView(bytes_).Text(comm));
    }
    return names;
  }
  std::vector<std::string> Images() const {
    std::vector<std::string> images;
    for (const auto stack : Samples<uint32_t>(layout::kSampleStack)) {
      images.push_back(test::WindowView(bytes_).LeafImage(stack));
    }
    return images;
  }

  std::optional<Window> window_;
  WindowCloser closer_;
  std::vector<std::byte> bytes_;
};

using Texts = std::vector<std::string>;

TEST_F(WindowCloserTest, SamplesOfTwoCpusComeByTimeAndWithTheNamesOfTheirTimes) {
  Sample(0, 20);
  Sample(0, 60);
  Sample(0, 40);
  Sample(1, 10);
  Sample(1, 50);
  // The other CPU's ring was read first.
  Comm(45, "app", true);
  Map(46, "/bin/app");
  Comm(5, "sh");
  Map(6, "/bin/sh");
  Close();
  EXPECT_EQ(Samples<uint64_t>(layout::kSampleTime), (std::vector<uint64_t>{10, 20, 40, 50, 60}));
  EXPECT_EQ(Samples<uint32_t>(layout::kSampleCpu), (std::vector<uint32_t>{1, 0, 0, 1, 0}));
  EXPECT_EQ(Names(), (Texts{"sh", "sh", "sh", "app", "app"}));
  EXPECT_EQ(Images(), (Texts{"/bin/sh", "/bin/sh", "/bin/sh", "/bin/app", "/bin/app"}));
}

TEST_F(WindowCloserTest, TheNextWindowBeginsWithWhatIsKnown) {
  Comm(5, "app");
  Map(6, "/bin/app");
  Close();
  NextWindow();
  Sample(0, 120);
  Close();
  EXPECT_EQ(Names(), Texts{"app"});
  EXPECT_EQ(Images(), Texts{"/bin/app"});
  const test::WindowView view(bytes_);
  const auto figures = view.Column<uint64_t>(layout::kWindow);
  EXPECT_EQ(figures[4], 2U) << "a comm and a mapping, synthesised";
  EXPECT_EQ(view.Column<uint8_t>(layout::kEventFlags), (std::vector<uint8_t>{1, 1}));
}

TEST_F(WindowCloserTest, AFileWhoseBuildIdIsLearnedLaterIsToldAgain) {
  struct stat status {};
  ASSERT_EQ(stat("/bin/sh", &status), 0);
  char path[PATH_MAX];
  ASSERT_NE(realpath("/bin/sh", path), nullptr);
  const auto pid = static_cast<uint32_t>(getpid());
  window_->AddRecord(
      {.kind = ProcessEventKind::kMmap,
       .time = 6,
       .pid = pid,
       .tid = pid,
       .text = path,
       .start = 0x400000,
       .end = 0x500000,
       .file = {.device = uint64_t{major(status.st_dev)} << 32 | minor(status.st_dev),

                .inode = status.st_ino,
                .build_id = {}}});
  const auto sample = [&](uint64_t time) {
    const uint64_t chain[] = {test::kUserMarker, 0x401000};
    window_->AddSample(0, 0, {.pid = pid, .tid = pid, .time = time, .chain = chain});
  };
  const auto events = [&] { return test::WindowView(bytes_).Column<uint8_t>(layout::kEventKind); };
  const auto snapshot = [&] {
    return test::WindowView(bytes_).Column<uint64_t>(layout::kWindow)[4];
  };
  const auto build_id = [&] {
    const test::WindowView view(bytes_);
    return view.Text(view.Column<uint32_t>(layout::kImageBuildId)[0]);
  };
  Close();
  EXPECT_EQ(build_id(), "");
  const auto mmap = static_cast<uint8_t>(ProcessEventKind::kMmap);
  NextWindow();
  sample(120);
  Close();
  if (build_id().empty()) GTEST_SKIP() << path << " has no build id";
  EXPECT_EQ(snapshot(), 1U);
  EXPECT_EQ(events(), (std::vector<uint8_t>{mmap, mmap}));
  NextWindow();
  sample(220);
  Close();
  EXPECT_EQ(events(), (std::vector<uint8_t>{mmap})) << "once is enough";
}

TEST_F(WindowCloserTest, AWindowSaysWhatWasLostAndWhen) {
  window_->AddLoss(0, LossReason::kMissed, 3);
  window_->AddNotice(0, {.kind = NoticeKind::kThrottle, .time = 33, .cpu = 1, .count = 0});
  Close();
  const auto losses = Samples<uint64_t>(layout::kLosses);
  EXPECT_EQ(losses[static_cast<size_t>(LossReason::kMissed)], 3U);
  EXPECT_EQ(Samples<uint64_t>(layout::kNoticeTime), std::vector<uint64_t>{33});
  EXPECT_EQ(Samples<uint32_t>(layout::kNoticeCpu), std::vector<uint32_t>{1});
}

TEST_F(WindowCloserTest, AWindowTellsWhatCodeTheKernelMade) {
  window_->AddKernelSymbol({.kind = KernelSymbolKind::kBpf,
                            .gone = true,
                            .time = 7,
                            .start = 0xffffffffc0002000,
                            .length = 35,
                            .name = "bpf_prog_1_x"});
  Close();
  const test::WindowView view(bytes_);
  EXPECT_EQ(view.Column<uint8_t>(layout::kKernelSymbolKind), std::vector<uint8_t>{1});
  EXPECT_EQ(view.Column<uint8_t>(layout::kKernelSymbolFlags), std::vector<uint8_t>{1});
  EXPECT_EQ(view.Column<uint64_t>(layout::kKernelSymbolTime), std::vector<uint64_t>{7});
  EXPECT_EQ(view.Column<uint64_t>(layout::kKernelSymbolStart),
            std::vector<uint64_t>{0xffffffffc0002000});
  EXPECT_EQ(view.Column<uint32_t>(layout::kKernelSymbolLength), std::vector<uint32_t>{35});
  EXPECT_EQ(view.Text(view.Column<uint32_t>(layout::kKernelSymbolName)[0]), "bpf_prog_1_x");
  EXPECT_EQ(view.Column<uint64_t>(layout::kWindow)[5], 0U) << "nobody said that these are all";
}

TEST_F(WindowCloserTest, SamplesTellTheirCgroupsAndTheWindowThePathsOfThose) {
  CgroupTree tree({.mount = "/nowhere"});
  tree.Learn(11, "/a");
  tree.Learn(12, "/unsampled");
  closer_.TellCgroups(tree);
  const uint64_t chain[] = {test::kUserMarker, 0x401000};
  for (const uint64_t cgroup : {11, 0, 13}) {
    window_->AddSample(0, 0, {.pid = kPid, .time = 20, .cgroup = cgroup, .chain = chain});
  }
  Close();
  const test::WindowView view(bytes_);
  EXPECT_EQ(Samples<uint64_t>(layout::kSampleCgroup), (std::vector<uint64_t>{11, 0, 13}));
  std::map<uint64_t, std::string> paths;
  const auto ids = view.Column<uint64_t>(layout::kCgroupId);
  for (size_t row = 0; row < ids.size(); row++) {
    paths[ids[row]] = view.Text(view.Column<uint32_t>(layout::kCgroupPath)[row]);
  }
  EXPECT_EQ(paths, (std::map<uint64_t, std::string>{{11, "/a"}, {13, ""}}));
}

TEST_F(WindowCloserTest, WhereNoSampleTellsItsCgroupThereIsNoColumn) {
  Sample(0, 20);
  Close();
  EXPECT_TRUE(Samples<uint64_t>(layout::kSampleCgroup).empty());
}

TEST_F(WindowCloserTest, AnEmptyWindowIsAWindow) {
  Close();
  EXPECT_TRUE(Samples<uint64_t>(layout::kSampleTime).empty());
  EXPECT_EQ(test::WindowView(bytes_).Column<uint64_t>(layout::kWindow),
            (std::vector<uint64_t>{1, 100, 0, 4, 0, 0}));
}

}  // namespace
}  // namespace sonde
