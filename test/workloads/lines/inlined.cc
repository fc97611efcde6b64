// A program of inlined functions: some in others, some of templates, some without a linkage name, some called from a part
// that the compiler puts apart.
#include <algorithm>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace shop {

template <typename Item>
struct Shelf {
  std::vector<Item> items;
  void Put(Item item) { items.push_back(std::move(item)); }
};

namespace {
inline int Twice(int value) { return value * 2 + (value & 3); }
inline int Square(int value) {
  const int twice = Twice(value);
  return twice * twice;
}
}  // namespace

__attribute__((noinline)) int Total(const std::vector<int>& values) {
  int sum = 0;
  for (const int value : values) sum += Square(value);
  return sum;
}

__attribute__((noinline)) void Fill(std::vector<int>& values, int count) {
  if (count < 0) throw std::invalid_argument("count " + std::to_string(count));
  for (int i = 0; i < count; i++) values.push_back(i ^ count);
  std::sort(values.begin(), values.end(), [](int one, int two) { return Twice(one) > Twice(two); });
}

}  // namespace shop

int main(int count, char**) {
  shop::Shelf<std::string> shelf;
  shelf.Put("a");
  std::map<int, std::string> more{{count, "b"}};
  std::vector<int> values;
  shop::Fill(values, count * 1000);
  return (shop::Total(values) + static_cast<int>(more.size() + shelf.items.size())) & 1;
}
