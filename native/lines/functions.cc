#include "lines/functions.h"

#include <dwarf.h>

#include <utility>

namespace sonde {
namespace {

/// Deeper than any program nests; a hostile tree must not use up the stack.
constexpr int kMaxDepth = 400;

template <typename Visit>
void VisitChildren(Dwarf_Die* parent, Visit&& visit) {
  Dwarf_Die child;
  if (dwarf_child(parent, &child) != 0) return;
  do {
    visit(&child);
  } while (dwarf_siblingof(&child, &child) == 0);
}

uint64_t EntryOf(Dwarf_Die* function, uint64_t otherwise) {
  Dwarf_Addr entry = 0;
  return dwarf_entrypc(function, &entry) == 0 ? entry : otherwise;
}

}  // namespace

std::unordered_map<uint32_t, FoundFunction> FunctionFinder::Find(Dwarf_Die unit, size_t expected) {
  found_.clear();
  path_.clear();
  everywhere_ = false;
  WalkOutside(&unit, 0);
  if (found_.size() < expected) {
    everywhere_ = true;
    WalkOutside(&unit, 0);
  }
  return std::move(found_);
}

void FunctionFinder::WalkOutside(Dwarf_Die* parent, int depth) {
  if (depth > kMaxDepth) return;
  VisitChildren(parent, [&](Dwarf_Die* child) {
    switch (dwarf_tag(child)) {
      case DW_TAG_subprogram:
        return MeetFunction(child, depth);
      case DW_TAG_namespace:
      case DW_TAG_module:
        return WalkOutside(child, depth + 1);
      case DW_TAG_structure_type:
      case DW_TAG_class_type:
      case DW_TAG_union_type:
      case DW_TAG_interface_type:
      case DW_TAG_enumeration_type:
        if (everywhere_) WalkOutside(child, depth + 1);
        return;
      default:
        return;
    }
  });
}

void FunctionFinder::MeetFunction(Dwarf_Die* function, int depth) {
  const auto outer = std::exchange(path_, {});
  const bool any = VisitWantedIn(function, file_, wanted_, [&](uint64_t start, uint32_t position) {
    found_[position] = {*function, start, EntryOf(function, start), {}};
  });
  // One that has none of the addresses may still hold one that has: their code lies apart.
  if (any || everywhere_) WalkInside(function, depth + 1);
  path_ = outer;
}

void FunctionFinder::WalkInside(Dwarf_Die* parent, int depth) {
  if (depth > kMaxDepth) return;
  VisitChildren(parent, [&](Dwarf_Die* child) {
    switch (dwarf_tag(child)) {
      case DW_TAG_subprogram:
        return MeetFunction(child, depth);
      case DW_TAG_inlined_subroutine:
        return MeetInlined(child, depth);
      case DW_TAG_lexical_block:
      case DW_TAG_try_block:
      case DW_TAG_catch_block:
      case DW_TAG_with_stmt:
        return WalkInside(child, depth + 1);
      case DW_TAG_structure_type:
      case DW_TAG_class_type:
      case DW_TAG_union_type:
        if (everywhere_) WalkOutside(child, depth + 1);
        return;
      default:
        return;
    }
  });
}

void FunctionFinder::MeetInlined(Dwarf_Die* inlined, int depth) {
  path_.push_back(*inlined);
  const bool any = VisitWantedIn(inlined, file_, wanted_, [&](uint64_t, uint32_t position) {
    const auto found = found_.find(position);
    if (found != found_.end()) found->second.inlined = path_;
  });
  if (any) WalkInside(inlined, depth + 1);
  path_.pop_back();
}

const char* NameOfFunction(Dwarf_Die* function) {
  for (const unsigned name : {DW_AT_linkage_name, DW_AT_MIPS_linkage_name, DW_AT_name}) {
    Dwarf_Attribute attribute;
    if (dwarf_attr_integrate(function, name, &attribute) == nullptr) continue;
    const char* const text = dwarf_formstring(&attribute);
    if (text != nullptr) return text;
  }
  return nullptr;
}

}  // namespace sonde
