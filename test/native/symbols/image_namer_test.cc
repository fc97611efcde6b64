#include "core/symbols/image_namer.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <thread>

#include "symbols/dead_file_system.h"
#include "symbols/elf_builder.h"

namespace sonde {
namespace {

using namespace std::chrono_literals;
using Clock = ExpendableThread::Clock;

/// A file with a build id that the agent itself may open, removed with the test.
class ElfFile {
 public:
  ElfFile(const std::string& name, const TestElf& elf) : build_id(elf.build_id) {
    path = std::filesystem::temp_directory_path() / (name + "-" + std::to_string(getpid()));
    std::ofstream(path, std::ios::binary) << elf.Bytes();
  }
  ~ElfFile() { std::filesystem::remove(path); }

  NameRequest Ask(std::vector<uint64_t> addresses) const {
    NameRequest request;
    request.kind = NameRequest::Kind::kFile;
    request.path = path;
    request.identity.build_id = build_id;
    request.addresses = std::move(addresses);
    return request;
  }

  std::string path;
  std::vector<uint8_t> build_id;
};

TEST(ImageNamer, FunctionsAreNamedOnceAndAddressesPointToThem) {
  const ElfFile file("sonde-namer",
                     {{{"_ZN3foo3barEv", kTextSvma, 16}, {"plain", kTextSvma + 16, 16}}, {}});
  ImageNamer namer(1 << 20);
  const auto results = namer.Name({file.Ask({kTextSvma, kTextSvma + 20, 1, kTextSvma + 8})}, 5s);
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].problem, "");
  EXPECT_EQ(results[0].system_names, (std::vector<std::string>{"_ZN3foo3barEv", "plain"}));
  EXPECT_EQ(results[0].functions, (std::vector<std::string>{"foo::bar()", "plain"}));
  EXPECT_EQ(results[0].name, (std::vector<uint32_t>{1, 2, 0, 1}));
  EXPECT_EQ(results[0].offset, (std::vector<uint32_t>{0, 4, 0, 8}));
  EXPECT_GT(namer.cache_bytes(), 0u);
}

TEST(ImageNamer, OffsetsInTheFileAreTurnedIntoAddresses) {
  const ElfFile file("sonde-namer", {{{"function", kTextSvma, 16}}, {}});
  NameRequest request = file.Ask({0x1004});
  request.space = NameRequest::Space::kFileOffset;
  ImageNamer namer(1 << 20);
  const auto results = namer.Name({request}, 5s);
  EXPECT_EQ(results[0].functions, std::vector<std::string>{"function"});
  EXPECT_EQ(results[0].offset[0], 4u);
}

TEST(ImageNamer, ControlCharactersOfANameDoNotReachATerminal) {
  const ElfFile file("sonde-namer", {{{"\x1b[2Jevil\n", kTextSvma, 16}}, {}});
  ImageNamer namer(1 << 20);
  EXPECT_EQ(namer.Name({file.Ask({kTextSvma})}, 5s)[0].functions[0], "?[2Jevil?");
}

TEST(ImageNamer, WhatCannotBeReadHasAProblemAndTheOthersAreNamed) {
  const ElfFile file("sonde-namer", {{{"function", kTextSvma, 16}}, {}});
  NameRequest missing = file.Ask({1, 2});
  missing.path = "/nonexistent/lib.so";
  ImageNamer namer(1 << 20);
  const auto results = namer.Name({missing, file.Ask({kTextSvma})}, 5s);
  EXPECT_NE(results[0].problem.find("/nonexistent/lib.so"), std::string::npos);
  EXPECT_EQ(results[0].name, (std::vector<uint32_t>{0, 0}));
  EXPECT_EQ(results[1].functions, std::vector<std::string>{"function"});
}

TEST(ImageNamer, AStrippedCopyWithTheSameBuildIdIsAnotherFile) {
  const ElfFile stripped("sonde-stripped", {{}, {}});
  const ElfFile whole("sonde-whole", {{{"function", kTextSvma, 16}}, {}});
  ImageNamer namer(1 << 20);
  EXPECT_EQ(namer.Name({stripped.Ask({kTextSvma})}, 5s)[0].name[0], 0u);
  EXPECT_EQ(namer.Name({whole.Ask({kTextSvma})}, 5s)[0].name[0], 1u);
}

TEST(SymbolCache, TheTableUnusedForLongestGoesFirst) {
  const auto elf = [](uint8_t id) {
    TestElf made{{{"function", kTextSvma, 16}}, {}};
    made.build_id = {id};
    return made;
  };
  const ElfFile a("sonde-a", elf(1));
  const ElfFile b("sonde-b", elf(2));
  const ElfFile c("sonde-c", elf(3));
  SymbolCache cache(1300, SymbolOptions());  // two images
  const auto table = [&cache](const ElfFile& file) {
    auto image = TargetFile::Open(0, file.path, {0, 0, file.build_id});
    return *cache.FunctionsOf(ImageFiles{std::move(*image), {}, {}});
  };
  const std::weak_ptr<const ImageFunctions> kept = table(a);
  const std::weak_ptr<const ImageFunctions> dropped = table(b);
  EXPECT_EQ(table(a), kept.lock());
  table(c);
  EXPECT_FALSE(kept.expired());
  EXPECT_TRUE(dropped.expired());
  EXPECT_LE(cache.bytes(), 1300u);
}

/// A door that threads wait at.
class Door {
 public:
  void Wait() {
    std::unique_lock lock(mutex_);
    opened_.wait(lock, [this] { return open_; });
  }
  void Open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    opened_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool open_ = false;
};

bool Eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 1000 && !condition(); i++) std::this_thread::sleep_for(2ms);
  return condition();
}

TEST(ExpendableThread, WorkThatBlocksIsLeftBehindAndTheNextIsDone) {
  const auto door = std::make_shared<Door>();
  ExpendableThread thread;
  const auto wait = [door] { door->Wait(); };
  EXPECT_EQ(thread.Run("blocks", wait, Clock::now() + 20ms), ExpendableThread::Outcome::kLate);
  EXPECT_EQ(thread.stuck(), 1);
  EXPECT_EQ(thread.Run(
                "good", [] {}, Clock::now() + 5s),
            ExpendableThread::Outcome::kDone);
  EXPECT_EQ(thread.Run("blocks", wait, Clock::now() + 5s), ExpendableThread::Outcome::kStuck);
  door->Open();
  EXPECT_TRUE(Eventually([&] { return thread.stuck() == 0; }));
  EXPECT_EQ(thread.Run("blocks", wait, Clock::now() + 5s), ExpendableThread::Outcome::kDone);
}

TEST(ExpendableThread, OnlyAFewThreadsMayBeStuck) {
  const auto door = std::make_shared<Door>();
  ExpendableThread thread;
  for (int i = 0; i < ExpendableThread::kMaxStuck; i++) {
    EXPECT_EQ(thread.Run(
                  std::to_string(i), [door] { door->Wait(); }, Clock::now() + 5ms),
              ExpendableThread::Outcome::kLate);
  }
  EXPECT_EQ(thread.Run(
                "next", [] {}, Clock::now() + 5s),
            ExpendableThread::Outcome::kNoThread);
  door->Open();
  EXPECT_TRUE(Eventually([&] { return thread.stuck() == 0; }));
  EXPECT_EQ(thread.Run(
                "next", [] {}, Clock::now() + 5s),
            ExpendableThread::Outcome::kDone);
}

TEST(ExpendableThread, OneOwnerCannotTakeTheThreadsOfAll) {
  const auto door = std::make_shared<Door>();
  ExpendableThread thread;
  const auto run = [&](const ExpendableThread::Task& task) {
    return thread.Run(
        task, [door] { door->Wait(); }, Clock::now() + 5ms);
  };
  const auto of_owner = [](int file, const std::string& owner) {
    return ExpendableThread::Task{std::to_string(file) + owner, owner, "user"};
  };
  for (int file = 0; file < ExpendableThread::kMaxStuckOfOwner; file++) {
    EXPECT_EQ(run(of_owner(file, "one")), ExpendableThread::Outcome::kLate);
  }
  EXPECT_EQ(run(of_owner(100, "one")), ExpendableThread::Outcome::kNotForOwner);
  EXPECT_EQ(run(of_owner(100, "two")), ExpendableThread::Outcome::kLate);
  // Owners can be made, users cannot.
  while (thread.stuck() < ExpendableThread::kMaxStuckOfUser) {
    EXPECT_EQ(run(of_owner(0, std::to_string(thread.stuck()))), ExpendableThread::Outcome::kLate);
  }
  EXPECT_EQ(run(of_owner(0, "three")), ExpendableThread::Outcome::kNotForOwner);
  EXPECT_EQ(run({"file", "one of another", "another"}), ExpendableThread::Outcome::kLate);
  EXPECT_EQ(run({"of nobody that is known"}), ExpendableThread::Outcome::kLate);
  door->Open();
  EXPECT_TRUE(Eventually([&] { return thread.stuck() == 0; }));
  EXPECT_EQ(run(of_owner(100, "one")), ExpendableThread::Outcome::kDone);
}

TEST(ExpendableThread, ManyOfThemLeaveNoThreadBehind) {
  const auto threads = [] {
    const auto tasks = std::filesystem::directory_iterator("/proc/self/task");
    return std::distance(begin(tasks), end(tasks));
  };
  const auto before = threads();
  for (int i = 0; i < 50; i++) {
    ExpendableThread thread;
    thread.Run(
        "work", [] {}, Clock::now() + 5s);
  }
  EXPECT_TRUE(Eventually([&] { return threads() <= before; }));
}

TEST(ImageNamer, AFileOnADeadServerCostsItsOwnNamesOnly) {
  const ElfFile file("sonde-namer", {{{"function", kTextSvma, 16}}, {}});
  const DeadFileSystem dead;
  if (!dead.mounted()) GTEST_SKIP() << "FUSE cannot be mounted here";
  NameRequest blocking = file.Ask({1});
  blocking.path = dead.File("lib.so");
  ImageNamer namer(1 << 20);
  const auto start = Clock::now();
  const auto results = namer.Name({blocking, file.Ask({kTextSvma})}, 400ms);
  EXPECT_LT(Clock::now() - start, 2s);
  EXPECT_NE(results[0].problem.find("took too long"), std::string::npos) << results[0].problem;
  EXPECT_EQ(results[1].functions, std::vector<std::string>{"function"});
  const auto again = namer.Name({blocking}, 400ms);
  EXPECT_NE(again[0].problem.find("has not ended"), std::string::npos) << again[0].problem;
}

/// A file that one process sees on a dead server, all others where it should be.
class FileOfTwoNamespaces : public testing::Test {
 protected:
  void SetUp() override {
    if (!container_.mounted()) GTEST_SKIP() << "FUSE cannot be mounted in a namespace here";
  }
  ~FileOfTwoNamespaces() override { std::filesystem::remove_all(directory_); }

  static std::string MakeDirectory() {
    std::string pattern = std::filesystem::temp_directory_path() / "sonde-namespaces-XXXXXX";
    return mkdtemp(pattern.data());
  }
  NameRequest Ask(const std::string& name, pid_t pid) const {
    NameRequest request;
    request.kind = NameRequest::Kind::kFile;
    request.path = directory_ + '/' + name;
    request.identity.build_id = elf_.build_id;
    request.pids = {pid};
    request.addresses = {kTextSvma};
    return request;
  }

  const TestElf elf_{{{"function", kTextSvma, 16}}, {}};
  const std::string directory_ = MakeDirectory();
  const ContainerWithDeadServer container_{directory_, 12345};
};

TEST_F(FileOfTwoNamespaces, BlocksInItsOwnOnly) {
  std::ofstream(directory_ + "/lib.so", std::ios::binary) << elf_.Bytes();
  ImageNamer namer(1 << 20);
  const auto results =
      namer.Name({Ask("lib.so", container_.pid()), Ask("lib.so", getpid())}, 400ms);
  EXPECT_NE(results[0].problem.find("took too long"), std::string::npos) << results[0].problem;
  EXPECT_EQ(results[1].problem, "");
  EXPECT_EQ(results[1].functions, std::vector<std::string>{"function"});
  const auto again = namer.Name({Ask("lib.so", container_.pid())}, 400ms);
  EXPECT_NE(again[0].problem.find("has not ended"), std::string::npos) << again[0].problem;
}

TEST_F(FileOfTwoNamespaces, ManyThatBlockDoNotCostTheNamesOfOthers) {
  std::ofstream(directory_ + "/lib.so", std::ios::binary) << elf_.Bytes();
  ImageNamer namer(1 << 20);
  std::string problem;
  for (int file = 0; file <= ExpendableThread::kMaxStuckOfOwner; file++) {
    problem = namer.Name({Ask(std::to_string(file), container_.pid())}, 20ms)[0].problem;
  }
  EXPECT_NE(problem.find("of the same user or container"), std::string::npos) << problem;
  const auto other = namer.Name({Ask("lib.so", getpid())}, 5s);
  EXPECT_EQ(other[0].problem, "");
  EXPECT_EQ(other[0].functions, std::vector<std::string>{"function"});
}

}  // namespace
}  // namespace sonde
