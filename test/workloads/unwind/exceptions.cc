// Exceptions thrown through frames with destructors and inlined functions, caught and thrown again.
//   exceptions SECONDS
#include <cstdlib>
#include <ctime>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct Guard {
  explicit Guard(int* counter) : counter(counter) { ++*counter; }
  ~Guard() { --*counter; }
  int* counter;
};

int depth_now = 0;

template <typename Number>
inline Number Mixed(Number value) {
  return value * 6364136223846793005u + 1442695040888963407u;
}

[[gnu::noinline]] void Throw(unsigned long seed) {
  if (seed % 5 == 3) return;
  if (seed % 3 == 0) throw std::runtime_error("thrown " + std::to_string(seed));
  if (seed % 3 == 1) throw std::out_of_range("out of range");
  throw 7;
}

[[gnu::noinline]] void Descend(int depth, unsigned long seed) {
  const Guard guard(&depth_now);
  std::string held(20 + seed % 30, 'x');
  if (depth == 0) return Throw(seed);
  Descend(depth - 1, Mixed(seed));
  held += 'y';
}

[[gnu::noinline]] size_t Catch(unsigned long seed) {
  try {
    try {
      Descend(6, seed);
      return 1;
    } catch (const std::out_of_range&) {
      throw;
    }
  } catch (const std::exception& exception) {
    return std::string(exception.what()).size();
  } catch (int number) {
    return static_cast<size_t>(number);
  }
}

[[gnu::noinline]] size_t Count(unsigned long seed) {
  std::map<std::string, size_t> counts;
  for (int round = 0; round < 50; round++, seed = Mixed(seed)) {
    counts[std::to_string(seed % 20)] += Catch(seed);
  }
  return counts.size();
}

}  // namespace

int main(int argc, char** argv) {
  const std::time_t end = std::time(nullptr) + (argc > 1 ? std::atoi(argv[1]) : 1);
  size_t sum = 0;
  for (unsigned long seed = 1; std::time(nullptr) < end; seed = Mixed(seed)) sum += Count(seed);
  return sum == 0 ? 1 : 0;
}
