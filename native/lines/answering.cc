#include "lines/answering.h"

#include <dwarf.h>

#include <vector>

#include "lines/functions.h"
#include "lines/line_table.h"
#include "lines/units.h"
#include "lines/wanted.h"

namespace sonde {
namespace {

uint64_t NumberIn(Dwarf_Die* die, unsigned attribute) {
  Dwarf_Attribute value;
  Dwarf_Word number = 0;
  if (dwarf_attr(die, attribute, &value) == nullptr) return 0;
  return dwarf_formudata(&value, &number) == 0 ? number : 0;
}

/// Where the code that was inlined is called.
Place CallOf(Dwarf_Die* inlined, const LineTable& table) {
  const uint64_t line = NumberIn(inlined, DW_AT_call_line);
  if (line > INT32_MAX) return {};
  return {table.FileOf(NumberIn(inlined, DW_AT_call_file)), static_cast<uint32_t>(line)};
}

/// Answers the addresses of one unit.
class UnitAnswers {
 public:
  UnitAnswers(const DwarfFile& file, Dwarf_Die* unit, AnswerWriter& writer)
      : writer_(writer),
        table_(file, unit),
        assembly_(dwarf_srclang(unit) == DW_LANG_Mips_Assembler) {}

  /// Whether anything is known of the address.
  bool Answer(uint32_t position, uint64_t svma, FoundFunction* found) {
    const Place place = table_.At(svma);
    entries_.clear();
    if (found != nullptr) {
      AddChain(place, *found);
      writer_.Answer({position, Count(), found->start, found->entry}, entries_);
      return true;
    }
    // Only of assembly a line is the function's that the symbol table names: elsewhere it may be of inlined code.
    if (!assembly_ || place.line == 0) return false;
    Add(nullptr, place);
    writer_.Answer({position, Count(), 0, 0}, entries_);
    return true;
  }

  bool unnamed() const { return unnamed_; }

 private:
  /// Innermost first. Inlined code that has no name is left out: it was called where the place says.
  void AddChain(Place place, FoundFunction& found) {
    for (size_t i = found.inlined.size(); i > 0; i--) {
      Dwarf_Die& inlined = found.inlined[i - 1];
      const char* const name = NameOfFunction(&inlined);
      if (name == nullptr) {
        unnamed_ = true;
      } else if (entries_.size() + 1 < kMaxLineDepth) {
        Add(name, place);
      }
      place = CallOf(&inlined, table_);
    }
    Add(NameOfFunction(&found.function), place);
  }

  void Add(const char* function, const Place& place) {
    const uint32_t name = function == nullptr ? 0 : writer_.NumberOf(function);
    entries_.push_back({name, writer_.NumberOf(place.file), place.line});
  }

  uint32_t Count() const { return static_cast<uint32_t>(entries_.size()); }

  AnswerWriter& writer_;
  LineTable table_;
  bool assembly_;
  bool unnamed_ = false;
  std::vector<LineEntry> entries_;
};

std::string ProblemOf(const Units& units, bool unnamed) {
  if (units.split > 0) return "its DWARF is split into .dwo files, which are not followed";
  if (unnamed) return "names are in another DWARF file (.gnu_debugaltlink), which is not followed";
  return {};
}

}  // namespace

std::string AnswerAll(const DwarfFile& file, std::span<const uint64_t> addresses,
                      AnswerWriter& writer) {
  const Wanted wanted(addresses);
  Units units = FindUnits(file, wanted);
  std::vector<bool> answered(addresses.size());
  bool unnamed = false;
  FunctionFinder finder(file, wanted);
  for (UnitWork& work : units.work) {
    auto functions = finder.Find(work.unit, work.positions.size());
    UnitAnswers answers(file, &work.unit, writer);
    for (const uint32_t position : work.positions) {
      if (answered[position]) continue;
      const auto found = functions.find(position);
      FoundFunction* const function = found == functions.end() ? nullptr : &found->second;
      answered[position] = answers.Answer(position, addresses[position], function);
    }
    unnamed |= answers.unnamed();
    writer.Flush();
  }
  for (uint32_t position = 0; position < answered.size(); position++) {
    if (!answered[position]) writer.Answer({position, 0, 0, 0}, {});
  }
  return ProblemOf(units, unnamed && file.has_alternate());
}

}  // namespace sonde
