// What it costs to find the row of an instruction that is not in the cache, against elfutils in the same run. Elfutils
// keeps what it has parsed: its first round is what a cache's miss would cost. Prints one JSON object per file;
// test/bench/cfi-rows.bench.ts runs it and says what the figures should be.
#include <algorithm>
#include <cstdio>
#include <random>

#include "core/base/clock.h"
#include "unwind/libdw_file.h"

namespace sonde {
namespace {

constexpr size_t kAddresses = 100'000;
/// The machine is shared: the best round counts.
constexpr int kRounds = 9;

/// Instructions of random functions.
std::vector<uint64_t> RandomAddresses(const test::LibdwFile& file, const RowSource& rows) {
  const auto functions = file.Functions();
  std::mt19937_64 random(1);
  std::vector<uint64_t> addresses;
  while (addresses.size() < kAddresses) {
    const size_t index = random() % (functions.size() - 1);
    const uint64_t size = functions[index + 1] - functions[index];
    const uint64_t address = functions[index] + random() % std::max<uint64_t>(size, 1);
    if (rows.Find(address)) addresses.push_back(address);
  }
  return addresses;
}

uint64_t AskUs(const RowSource& rows, uint64_t address) {
  auto row = rows.Find(address);
  return static_cast<uint64_t>(Compact(std::move(*row), address, kThisArchitecture).row.cfa_offset);
}

/// The CFA, the frame pointer and the return address: what the compact row holds.
uint64_t AskLibdw(Dwarf_CFI* cfi, uint64_t address) {
  Dwarf_Frame* frame = nullptr;
  if (dwarf_cfi_addrframe(cfi, address, &frame) != 0) return 0;
  Dwarf_Op* operations = nullptr;
  size_t count = 0;
  Dwarf_Op memory[3];
  uint64_t sum = 0;
  if (dwarf_frame_cfa(frame, &operations, &count) == 0) sum += count;
  for (const int number : {kThisArchitecture.frame_pointer, kThisArchitecture.return_address}) {
    if (dwarf_frame_register(frame, number, memory, &operations, &count) == 0) sum += count;
  }
  free(frame);
  return sum;
}

struct Cost {
  double first_ns = 0;
  double best_ns = 1e9;
};

template <typename Ask>
void Round(const std::vector<uint64_t>& addresses, Cost& cost, Ask&& ask) {
  volatile uint64_t sum = 0;
  const uint64_t start = ClockNow(CLOCK_PROCESS_CPUTIME_ID);
  for (const uint64_t address : addresses) sum = sum + ask(address);
  const uint64_t end = ClockNow(CLOCK_PROCESS_CPUTIME_ID);
  const double ns = static_cast<double>(end - start) / static_cast<double>(addresses.size());
  if (cost.first_ns == 0) cost.first_ns = ns;
  cost.best_ns = std::min(cost.best_ns, ns);
}

void Report(const char* path) {
  const auto file = test::LibdwFile::Open(path);
  if (!file) return;
  const auto rows = MakeEhFrame(file->EhFrame(), kThisArchitecture);
  if (!rows) return;
  const auto addresses = RandomAddresses(*file, **rows);
  Cost ours;
  Cost theirs;
  for (int round = 0; round < kRounds; round++) {
    Round(addresses, ours, [&](uint64_t address) { return AskUs(**rows, address); });
    Round(addresses, theirs, [&](uint64_t address) { return AskLibdw(file->eh_frame(), address); });
  }
  std::printf(
      "{\"path\":\"%s\",\"functions\":%zu,\"bytes\":%zu,\"ns\":%.0f,\"firstNs\":%.0f,"
      "\"libdwNs\":%.0f,\"libdwFirstNs\":%.0f}\n",
      path, (*rows)->functions(), (*rows)->bytes(), ours.best_ns, ours.first_ns, theirs.best_ns,
      theirs.first_ns);
}

}  // namespace
}  // namespace sonde

int main(int count, char** paths) {
  for (int index = 1; index < count; index++) sonde::Report(paths[index]);
}
