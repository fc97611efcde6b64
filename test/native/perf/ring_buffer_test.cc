// What the kernel wrote into a ring comes out whole and in order, and nothing else does.
#include "core/perf/ring_buffer.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "perf/record_bytes.h"

namespace sonde {
namespace {

using Bytes = std::vector<std::byte>;

/// A ring that the test fills, in the kernel's place.
class FakeRing {
 public:
  /// `start`: where head and tail stand at first.
  explicit FakeRing(size_t size, uint64_t start = 0)
      : data_(size), reader_(&page_, data_.data(), size) {
    page_.data_head = page_.data_tail = start;
  }

  void Write(std::span<const std::byte> record) {
    for (const std::byte byte : record) data_[page_.data_head++ & (data_.size() - 1)] = byte;
  }
  /// A header alone, whose size may be a lie, and `behind` bytes that follow it.
  void WriteHeader(uint16_t size, size_t behind) {
    const perf_event_header header = {PERF_RECORD_SAMPLE, 0, size};
    Bytes bytes(sizeof(header) + behind);
    std::memcpy(bytes.data(), &header, sizeof(header));
    Write(bytes);
  }
  std::vector<Bytes> Drain() {
    std::vector<Bytes> records;
    sound_ = reader_.Drain([&](std::span<const std::byte> record) {
      EXPECT_EQ(reinterpret_cast<uintptr_t>(record.data()) % 8, 0U);
      records.emplace_back(record.begin(), record.end());
    });
    return records;
  }

  RingReader& reader() { return reader_; }
  bool sound() const { return sound_; }
  uint64_t tail() const { return page_.data_tail; }
  uint64_t unread() const { return page_.data_head - page_.data_tail; }

 private:
  perf_event_mmap_page page_ = {};
  alignas(8) Bytes data_;
  RingReader reader_;
  bool sound_ = true;
};

Bytes Comm(const std::string& name) {
  auto record = test::CommBytes(name);
  const auto bytes = record.Build();
  return {bytes.begin(), bytes.end()};
}

TEST(RingBuffer, RecordsComeOldestFirstAndGiveTheirSpaceBack) {
  FakeRing ring(4096);
  ring.Write(Comm("first"));
  ring.Write(Comm("a longer second one"));
  EXPECT_EQ(ring.Drain(), (std::vector<Bytes>{Comm("first"), Comm("a longer second one")}));
  EXPECT_EQ(ring.unread(), 0U);
  EXPECT_TRUE(ring.Drain().empty());
  EXPECT_TRUE(ring.sound());
}

TEST(RingBuffer, ARecordThatGoesOverTheEndIsReadWhole) {
  const Bytes record = Comm("over the end");
  for (size_t before_end = 8; before_end <= record.size(); before_end += 8) {
    // The positions only grow: they may have gone round many times.
    FakeRing ring(4096, 7 * 4096 - before_end);
    ring.Write(record);
    ring.Write(Comm("next"));
    EXPECT_EQ(ring.Drain(), (std::vector<Bytes>{record, Comm("next")})) << before_end;
  }
}

TEST(RingBuffer, TheKernelHasRoomAgainBeforeALongDrainIsOver) {
  FakeRing ring(64 * 1024);
  while (ring.unread() < 60 * 1024) ring.Write(Comm("one of many"));
  uint64_t least_unread = ring.unread();
  ring.reader().Drain([&](auto) { least_unread = std::min(least_unread, ring.unread()); });
  EXPECT_LT(least_unread, 20 * 1024U);
  EXPECT_EQ(ring.unread(), 0U);
}

TEST(RingBuffer, ASizeThatNoRecordHasEndsTheDrainAndSkipsWhatIsUnread) {
  const uint16_t too_small = 4;
  const uint16_t unaligned = 20;
  const uint16_t beyond_the_head = 56;
  for (const uint16_t size : {uint16_t{0}, too_small, unaligned, beyond_the_head}) {
    FakeRing ring(4096);
    ring.Write(Comm("sound"));
    ring.WriteHeader(size, 40);
    EXPECT_EQ(ring.Drain(), std::vector<Bytes>{Comm("sound")}) << size;
    EXPECT_FALSE(ring.sound()) << size;

    ring.Write(Comm("later"));
    EXPECT_EQ(ring.Drain(), std::vector<Bytes>{Comm("later")}) << size;
    EXPECT_TRUE(ring.sound()) << size;
  }
}

TEST(RingBuffer, OnlyAPowerOfTwoOfPagesCanBeMapped) {
  for (const size_t bytes : {size_t{0}, size_t{2048}, size_t{3 * 4096}, size_t{4096 + 512}}) {
    const auto ring = RingBuffer::Map(-1, bytes);
    ASSERT_FALSE(ring) << bytes;
    EXPECT_EQ(ring.error().code, EINVAL);
    EXPECT_NE(ring.error().what.find("power of two"), std::string::npos) << ring.error().what;
  }
}

}  // namespace
}  // namespace sonde
