// Threads that stood still once: unwinding them shows what gdb saw then.
#include "unwind/recorded_snapshot.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace sonde::test {
namespace {

std::vector<std::string> Recordings() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(SONDE_FIXTURES "/snapshots")) {
    if (entry.path().extension() == ".snapshot") names.push_back(entry.path().stem());
  }
  std::ranges::sort(names);
  return names;
}

class RecordedSnapshotTest : public testing::TestWithParam<std::string> {};

TEST_P(RecordedSnapshotTest, IsUnwoundAsGdbDidIt) {
  std::ifstream file(SONDE_FIXTURES "/snapshots/" + GetParam() + ".snapshot");
  const RecordedSnapshot snapshot = RecordedSnapshot::Read(file);
  const Replay replay = Replayed(snapshot);
  EXPECT_EQ(replay.outcome.end, UnwindEnd::kComplete);
  EXPECT_EQ(replay.frames, snapshot.frames);
}

INSTANTIATE_TEST_SUITE_P(All, RecordedSnapshotTest, testing::ValuesIn(Recordings()),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace sonde::test
