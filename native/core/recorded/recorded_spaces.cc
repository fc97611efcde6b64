#include "core/recorded/recorded_spaces.h"

#include <sys/mman.h>

#include "core/base/hexadecimal.h"

namespace sonde {
namespace {

constexpr size_t kMaxVdsos = 64;
/// What has ended is forgotten when there is so much of it: nothing that is replayed lies in the past.
constexpr uint32_t kMaxEnded = 1024;

}  // namespace

void RecordedSpaces::Map(uint32_t pid, const Mapping& mapping) {
  if (mapping.end <= mapping.start) return;
  Space* const space = ToChange(spaces_[pid]);
  if (space == nullptr || space->size() >= kMaxOfProcess || mappings_ >= kMaxOfAll) return;
  if (mapping.path.ends_with("/libjvm.so")) space->runs_java = true;
  const size_t before = space->size();
  space->addresses.Map({.start = mapping.start,
                        .end = mapping.end,
                        .file_offset = mapping.file_offset,
                        .protection = PROT_READ | PROT_EXEC,
                        .image = ImageOf(mapping)},
                       0);
  mappings_ = mappings_ - before + space->size();
  if (space->addresses.epochs() > kMaxEnded + space->size()) space->addresses.EndWindow();
}

/// The space as one that nobody shares; nullptr where there is no room for one.
RecordedSpaces::Space* RecordedSpaces::ToChange(SpacePtr& held) {
  if (held == nullptr) {
    held = std::make_shared<Space>();
  } else if (held.use_count() > 1) {
    if (mappings_ + held->size() > kMaxOfAll) return nullptr;
    held = std::make_shared<Space>(*held);
    mappings_ += held->size();
  }
  return held.get();
}

void RecordedSpaces::Release(SpacePtr& held) {
  if (held.use_count() == 1) mappings_ -= held->size();
  held.reset();
}

void RecordedSpaces::Clear(uint32_t pid) {
  const auto known = spaces_.find(pid);
  if (known == spaces_.end()) return;
  Release(known->second);
  spaces_.erase(known);
}

void RecordedSpaces::Inherit(uint32_t pid, uint32_t parent) {
  if (pid == parent) return;
  Clear(pid);
  const auto known = spaces_.find(parent);
  if (known == spaces_.end()) return;
  const SpacePtr shared = known->second;
  spaces_[pid] = shared;
}

ImagePtr RecordedSpaces::ImageOf(const Mapping& mapping) {
  if (mapping.path != "[vdso]" || vdsos_.size() >= kMaxVdsos) {
    return images_.Intern(mapping.path, mapping.file);
  }
  ImagePtr& known = vdsos_[Hexadecimal(mapping.file.build_id)];
  if (known == nullptr) {
    known = std::make_shared<Image>();
    known->kind = ImageKind::kVdso;
    known->path = mapping.path;
    known->file.build_id = mapping.file.build_id;
  }
  return known;
}

const MappedRange* RecordedSpaces::Find(uint32_t pid, uint64_t address) const {
  const auto known = spaces_.find(pid);
  if (known == spaces_.end()) return nullptr;
  AddressSpace& addresses = known->second->addresses;
  const AddressSpace::Mapped* mapped = addresses.Find(address, addresses.epochs() - 1);
  return mapped == nullptr ? nullptr : &mapped->range;
}

bool RecordedSpaces::RunsJava(uint32_t pid) const {
  const auto known = spaces_.find(pid);
  return known != spaces_.end() && known->second->runs_java;
}

}  // namespace sonde
