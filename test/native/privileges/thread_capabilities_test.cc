#include "core/privileges/thread_capabilities.h"

#include <gtest/gtest.h>

namespace sonde {
namespace {

constexpr char kStatus[] =
    "Name:\tCapEff:\t1\nState:\tS (sleeping)\nTgid:\t1\nCapInh:\t0000000000000001\n"
    "CapPrm:\t000001fffeffffff\nCapEff:\t0000004000080000\nCapBnd:\t000001ffffffffff\n"
    "CapAmb:\t0000000400000000\nNoNewPrivs:\t1\n";

TEST(ThreadCapabilities, AreReadFromTheStatus) {
  const auto thread = ThreadCapabilities::Parse(kStatus);
  EXPECT_EQ(thread.state, "S (sleeping)");
  EXPECT_EQ(thread.sets.inheritable, 1u);
  EXPECT_EQ(thread.sets.permitted, 0x1fffeffffffu);
  EXPECT_EQ(thread.sets.effective, MaskOf(38) | MaskOf(19));  // not what a thread calls itself
  EXPECT_EQ(thread.bounding, 0x1ffffffffffu);
  EXPECT_EQ(thread.ambient, MaskOf(34));
  EXPECT_TRUE(thread.no_new_privileges);
}

TEST(ThreadCapabilities, AreGivenUpWhenNothingIsLeftOfThem) {
  ThreadCapabilities thread;
  EXPECT_TRUE(thread.HasGivenUp({}));
  thread.ambient = MaskOf(1);
  EXPECT_FALSE(thread.HasGivenUp({}));
  thread = {};
  thread.sets.permitted = MaskOf(38);
  thread.bounding = MaskOf(CAP_SETUID);
  EXPECT_TRUE(thread.HasGivenUp({})) << "the thread's own stay";
  EXPECT_TRUE(thread.HasGivenUp({.bounding = MaskOf(CAP_SETUID)}));
  EXPECT_FALSE(thread.HasGivenUp({.bounding = 0}));
  EXPECT_FALSE(thread.HasGivenUp({.own = true}));
  thread.sets.permitted = 0;
  EXPECT_FALSE(thread.HasGivenUp({.own = true})) << "root would have them back at the next exec";
  thread.no_new_privileges = true;
  EXPECT_TRUE(thread.HasGivenUp({.own = true}));
}

}  // namespace
}  // namespace sonde
