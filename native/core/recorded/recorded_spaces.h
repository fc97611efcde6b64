#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "core/perf/address_space.h"
#include "core/perf/image.h"

namespace sonde {

/// What the processes of a recording have mapped at the moment that is replayed.
class RecordedSpaces {
 public:
  /// As many as a process may have (vm.max_map_count), and of all processes. What is more is not known.
  static constexpr size_t kMaxOfProcess = 1 << 16;
  static constexpr size_t kMaxOfAll = 1 << 20;

  struct Mapping {
    uint64_t start = 0;
    uint64_t end = 0;
    uint64_t file_offset = 0;
    std::string path = {};
    FileIdentity file = {};
  };

  void Map(uint32_t pid, const Mapping& mapping);
  void Clear(uint32_t pid);
  /// fork: `pid` begins with what its parent has.
  void Inherit(uint32_t pid, uint32_t parent);

  /// Nothing where nothing is known there. Valid until the next change.
  const MappedRange* Find(uint32_t pid, uint64_t address) const;
  /// Whether it maps a Java virtual machine, whose compilers use the frame pointer as any other register.
  bool RunsJava(uint32_t pid) const;
  size_t mappings() const { return mappings_; }

 private:
  struct Space {
    AddressSpace addresses = {};
    bool runs_java = false;

    size_t size() const { return addresses.live().size(); }
  };
  using SpacePtr = std::shared_ptr<Space>;

  Space* ToChange(SpacePtr& held);
  void Release(SpacePtr& held);
  ImagePtr ImageOf(const Mapping& mapping);

  /// A child shares its parent's until one of them changes.
  std::unordered_map<uint32_t, SpacePtr> spaces_;
  size_t mappings_ = 0;
  ImageRegistry images_;
  /// By build id, which of memory ImageRegistry does not keep.
  std::unordered_map<std::string, ImagePtr> vdsos_;
};

}  // namespace sonde
