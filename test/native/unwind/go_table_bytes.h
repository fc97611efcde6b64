// Makes Go function tables in memory, in each layout that Go has had, and files that hold them.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/symbols/elf_sections.h"
#include "core/unwind/go_header.h"
#include "symbols/elf_builder.h"

namespace sonde::test {

struct TestGoFunction {
  std::string name;
  uint32_t size = 32;
  /// Bytes of code, and how much of the stack is used while they run. Empty: the table has nothing about the function.
  std::vector<std::pair<uint32_t, int32_t>> stack = {{32, 0}};
  uint8_t flags = 0;
};

struct TestGoTable {
  GoTableLayout layout = GoTableLayout::kGo120;
  std::vector<TestGoFunction> functions = {};
  uint8_t quantum = 1;
  uint64_t text = kTextSvma;
  /// Since Go 1.26 the table does not.
  bool says_text = true;

  std::string Bytes() const;
  uint64_t end() const {
    uint64_t end = text;
    for (const TestGoFunction& function : functions) end += function.size;
    return end;
  }
};

/// A file without headers: what is read is told where its sections lie.
struct TestSections {
  std::string bytes = std::string(64, '\0');
  std::vector<ElfSection> sections = {};

  void Add(const std::string& name, uint64_t svma, const std::string& content) {
    sections.push_back(
        {.name = name, .svma = svma, .file_offset = bytes.size(), .size = content.size()});
    bytes += content;
  }
};

namespace go_bytes {

using elf_builder::BytesOf;

inline std::string Varint(uint32_t number) {
  std::string bytes;
  for (; number >= 0x80; number >>= 7) bytes += static_cast<char>(number | 0x80);
  return bytes + static_cast<char>(number);
}

inline std::string StackValues(const TestGoFunction& function, uint8_t quantum) {
  std::string bytes;
  int32_t before = -1;
  for (const auto& [code, value] : function.stack) {
    const int32_t change = value - before;
    const auto doubled = static_cast<uint32_t>(change) << 1;
    bytes += Varint(change < 0 ? ~doubled : doubled) + Varint(code / quantum);
    before = value;
  }
  return bytes + '\0';
}

/// What the layouts differ in.
struct Places {
  uint64_t names = 0;
  uint64_t values = 0;
  uint64_t records = 0;
  uint64_t index = 0;
};

inline uint32_t MagicOf(GoTableLayout layout) {
  constexpr uint32_t kMagics[] = {0xfffffffb, 0xfffffffa, 0xfffffff0, 0xfffffff1};
  return kMagics[static_cast<size_t>(layout)];
}

inline std::string Head(const TestGoTable& table, const Places& places) {
  std::string head = BytesOf(MagicOf(table.layout)) + std::string(2, '\0') +
                     static_cast<char>(table.quantum) + static_cast<char>(8) +
                     BytesOf(uint64_t{table.functions.size()});
  if (table.layout == GoTableLayout::kGo12) return head;
  head += BytesOf(uint64_t{0});  // files
  if (table.layout >= GoTableLayout::kGo118) {
    head += BytesOf(table.says_text ? table.text : uint64_t{0});
  }
  return head + BytesOf(places.names) + BytesOf(places.values) + BytesOf(places.values) +
         BytesOf(places.values) + BytesOf(places.records);
}

/// `address`: as the layout states it.
inline std::string Record(const TestGoTable& table, size_t number, uint64_t address, uint32_t name,
                          uint32_t values) {
  const bool relative = table.layout >= GoTableLayout::kGo118;
  std::string record = relative ? BytesOf(static_cast<uint32_t>(address)) : BytesOf(address);
  record += BytesOf(name) + std::string(8, '\0') + BytesOf(values) + std::string(12, '\0');
  if (table.layout == GoTableLayout::kGo12) return record + std::string(4, '\0');
  record += std::string(4, '\0');                                             // unit
  if (table.layout == GoTableLayout::kGo120) record += std::string(4, '\0');  // line
  return record + '\0' + static_cast<char>(table.functions[number].flags) + std::string(2, '\0');
}

}  // namespace go_bytes

inline std::string TestGoTable::Bytes() const {
  using namespace go_bytes;
  const bool relative = layout >= GoTableLayout::kGo118;
  const bool one_part = layout == GoTableLayout::kGo12;
  std::string names(1, '\0');
  std::string values(1, '\0');
  std::vector<std::pair<uint32_t, uint32_t>> offsets;
  for (const TestGoFunction& function : functions) {
    offsets.emplace_back(names.size(), function.stack.empty() ? 0 : values.size());
    names += function.name + '\0';
    if (!function.stack.empty()) values += StackValues(function, quantum);
  }
  names.resize((names.size() + 7) & ~size_t{7});
  values.resize((values.size() + 7) & ~size_t{7});
  const uint64_t head = Head(*this, {}).size();
  Places places{.names = head, .values = head + names.size()};
  places.records = places.values + values.size();
  if (one_part) places = {.names = 0, .values = 0, .records = 0, .index = head};

  // In one part, what the offsets count from is the table, and names and values lie behind the records.
  const uint64_t word = relative ? 4 : 8;
  const uint64_t records_at = places.index + (2 * functions.size() + 2) * word;
  const uint64_t record_bytes = Record(*this, 0, 0, 0, 0).size();
  const uint64_t names_at = one_part ? records_at + record_bytes * functions.size() : 0;
  const uint64_t values_at = one_part ? names_at + names.size() : 0;
  const auto number = [&](uint64_t value) { return BytesOf(value).substr(0, word); };
  std::string index;
  std::string records;
  uint64_t address = relative ? 0 : text;
  for (size_t i = 0; i < functions.size(); i++) {
    index += number(address) + number(records_at + records.size());
    const uint32_t place = offsets[i].second;
    records += Record(*this, i, address, offsets[i].first + static_cast<uint32_t>(names_at),
                      place == 0 ? 0 : place + static_cast<uint32_t>(values_at));
    address += functions[i].size;
  }
  index += number(address) + number(0);
  const std::string before = one_part ? "" : names + values;
  return Head(*this, places) + before + index + records + (one_part ? names + values : "");
}

/// A program with nothing but these functions.
inline TestSections SectionsOf(const TestGoTable& table) {
  TestSections file;
  file.Add(".text", table.text, std::string(table.end() - table.text, '\x90'));
  file.Add(".gopclntab", 0x500000, table.Bytes());
  return file;
}

}  // namespace sonde::test
