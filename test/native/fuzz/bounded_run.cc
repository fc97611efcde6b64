// Runs one target for a second or two, the same way each time: every file of its corpus, and mutations of them.
//
//   sonde_fuzz_bounded TARGET CORPUS [MUTATIONS]
//
// An input that fails, or takes longer than any may, is left in the working directory as fuzz-failed-TARGET.
#include <sanitizer/common_interface_defs.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

using Bytes = std::vector<uint8_t>;
using Fuzzer = int(const uint8_t* data, size_t size);
extern "C" Fuzzer cfi_fuzzer, demangle_fuzzer, elf_fuzzer, expression_fuzzer, go_table_fuzzer,
    jitdump_fuzzer, packed_fuzzer, perf_map_fuzzer, record_fuzzer, unwinder_fuzzer, v8_fuzzer;

/// What a reader must not exceed, whatever it reads.
extern "C" const char* __asan_default_options() {
  return "hard_rss_limit_mb=1024:max_allocation_size_mb=512:handle_abort=1";
}

namespace {

struct Target {
  std::string_view name;
  Fuzzer* run;
  /// As many as take a second under the sanitizers.
  unsigned mutations;
};

constexpr Target kTargets[] = {
    {"cfi", cfi_fuzzer, 10'000},
    {"demangle", demangle_fuzzer, 20'000},
    {"elf", elf_fuzzer, 4'000},
    {"expression", expression_fuzzer, 50'000},
    {"go_table", go_table_fuzzer, 10'000},
    {"jitdump", jitdump_fuzzer, 6'000},
    {"packed", packed_fuzzer, 10'000},
    {"perf_map", perf_map_fuzzer, 6'000},
    {"record", record_fuzzer, 30'000},
    {"unwinder", unwinder_fuzzer, 20'000},
    {"v8", v8_fuzzer, 20'000},
};

constexpr size_t kMaxInput = 64 << 10;
/// Far more than any takes, sanitizers and busy machines included.
constexpr std::chrono::seconds kPatience(10);

/// For the message of a failure.
const Target* running;
Bytes input;

void KeepInput() {
  const std::string path = "fuzz-failed-" + std::string(running->name);
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(input.data()),
             static_cast<std::streamsize>(input.size()));
  std::fprintf(stderr, "fuzz: the input is in %s\n", path.c_str());
}

void Run() {
  const auto start = std::chrono::steady_clock::now();
  running->run(input.data(), input.size());
  if (std::chrono::steady_clock::now() - start < kPatience) return;
  std::fprintf(stderr, "fuzz: an input takes more than 10 s\n");
  KeepInput();
  std::exit(1);
}

Bytes BytesOf(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// In the order of their names: those of a directory have none.
std::vector<Bytes> ReadCorpus(const char* directory) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) paths.push_back(entry);
  std::sort(paths.begin(), paths.end());
  std::vector<Bytes> corpus;
  for (const auto& path : paths) corpus.push_back(BytesOf(path));
  return corpus;
}

/// Changes bytes in the ways that find most: bits, edges of numbers, pieces that are cut out, repeated or another seed's.
class Mutator {
 public:
  explicit Mutator(const std::vector<Bytes>& corpus) : corpus_(corpus) {}

  Bytes Next() {
    Bytes bytes = corpus_[Below(corpus_.size())];
    for (size_t changes = 1 + Below(8); changes > 0; changes--) Change(bytes);
    bytes.resize(std::min(bytes.size(), kMaxInput));
    return bytes;
  }

 private:
  size_t Below(size_t end) { return end == 0 ? 0 : random_() % end; }

  void Change(Bytes& bytes) {
    static constexpr uint64_t kEdges[] = {0, 1, 0x7f, 0x80, 0xff, 0x7fffffff, 0x80000000, ~0ull};
    const size_t at = Below(bytes.size());
    const size_t length = Below(std::min<size_t>(bytes.size() - at, 64) + 1);
    const auto place = bytes.begin() + static_cast<ptrdiff_t>(at);
    switch (Below(6)) {
      case 0:
        if (!bytes.empty()) bytes[at] ^= static_cast<uint8_t>(1u << Below(8));
        break;
      case 1:
        if (!bytes.empty()) bytes[at] = static_cast<uint8_t>(random_());
        break;
      case 2: {
        const uint64_t edge = kEdges[Below(std::size(kEdges))];
        for (size_t i = 0; i < std::min<size_t>(length, 8); i++) {
          bytes[at + i] = static_cast<uint8_t>(edge >> (8 * i));
        }
        break;
      }
      case 3:
        bytes.erase(place, place + static_cast<ptrdiff_t>(length));
        break;
      case 4: {
        const Bytes piece(place, place + static_cast<ptrdiff_t>(length));
        bytes.insert(place, piece.begin(), piece.end());
        break;
      }
      default: {
        const Bytes& other = corpus_[Below(corpus_.size())];
        const size_t from = Below(other.size());
        const auto begin = other.begin() + static_cast<ptrdiff_t>(from);
        const auto end = begin + static_cast<ptrdiff_t>(Below(other.size() - from + 1));
        bytes.insert(place, begin, end);
        break;
      }
    }
  }

  const std::vector<Bytes>& corpus_;
  std::mt19937 random_{4};
};

}  // namespace

int main(int count, char** arguments) {
  const auto* target =
      std::find_if(std::begin(kTargets), std::end(kTargets),
                   [&](const Target& each) { return count > 1 && each.name == arguments[1]; });
  if (count < 3 || target == std::end(kTargets)) {
    std::fprintf(stderr, "usage: sonde_fuzz_bounded TARGET CORPUS [MUTATIONS]\n");
    return 2;
  }
  running = target;
  __sanitizer_set_death_callback(KeepInput);
  const auto corpus = ReadCorpus(arguments[2]);
  if (corpus.empty()) return std::fprintf(stderr, "fuzz: no corpus in %s\n", arguments[2]), 2;
  for (const Bytes& seed : corpus) {
    input = seed;
    Run();
  }
  Mutator mutator(corpus);
  const unsigned long mutations =
      count > 3 ? std::strtoul(arguments[3], nullptr, 10) : target->mutations;
  for (unsigned long i = 0; i < mutations; i++) {
    input = mutator.Next();
    Run();
  }
  std::printf("%s: %zu seeds, %lu mutations\n", arguments[1], corpus.size(), mutations);
}
