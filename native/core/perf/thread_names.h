#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace sonde {

/// What threads are called, and were called a while ago: samples may come after the record of a new name.
class ThreadNames {
 public:
  /// Where it was not called so from `time` on, but always: 0.
  void Add(uint32_t tid, uint64_t time, std::string_view name);
  /// A new thread has the name of the one that made it.
  void OnFork(uint32_t parent_tid, uint32_t tid, uint64_t time);
  void Forget(uint32_t tid) { threads_.erase(tid); }
  void Clear() { threads_.clear(); }

  /// Of a time before the first name that is known: that one. Nothing where none is known.
  std::optional<std::string_view> At(uint32_t tid, uint64_t time) const;

 private:
  struct Name {
    uint64_t since = 0;
    std::string text;
  };

  /// Oldest first.
  std::unordered_map<uint32_t, std::vector<Name>> threads_;
};

}  // namespace sonde
