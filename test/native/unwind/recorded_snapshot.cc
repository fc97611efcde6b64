#include "unwind/recorded_snapshot.h"

#include <algorithm>
#include <cstring>
#include <iomanip>
#include <istream>
#include <ostream>
#include <set>
#include <sstream>
#include <stdexcept>

#include "core/unwind/cfi_index.h"
#include "core/unwind/cfi_section.h"
#include "core/unwind/dwarf_constants.h"
#include "core/unwind/signal_frame.h"

namespace sonde::test {
namespace {

constexpr size_t kBytesOfLine = 48;
/// Before the instructions and behind them, a return address and a signal's may point.
constexpr uint64_t kSignalReturnBytes = 10;

// --- the file ------------------------------------------------------------------------------------

void WriteBytes(std::ostream& to, const std::vector<std::byte>& bytes) {
  for (size_t index = 0; index < bytes.size(); index++) {
    if (index % kBytesOfLine == 0) to << (index == 0 ? "  " : "\n  ");
    to << std::setw(2) << std::setfill('0') << static_cast<unsigned>(bytes[index]);
  }
  if (!bytes.empty()) to << '\n';
}

void AppendBytes(std::vector<std::byte>& bytes, const std::string& digits) {
  for (size_t index = 0; index + 1 < digits.size(); index += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoul(digits.substr(index, 2), nullptr, 16)));
  }
}

// --- the code ------------------------------------------------------------------------------------

class RecordedCode : public CodeMap {
 public:
  explicit RecordedCode(const RecordedSnapshot& snapshot) : snapshot_(snapshot) {
    for (const RecordedSnapshot::File& file : snapshot.files) {
      auto source = MakeEhFrame({.frames = file.frames}, *snapshot.architecture);
      if (!source) throw std::runtime_error(file.name + ": " + source.error().what);
      sources_.push_back(std::move(*source));
    }
  }

  Code At(uint64_t address) override;
  std::optional<CfiRow> RulesAt(uint64_t address) override;
  const std::vector<uint64_t>& looked_up() const { return looked_up_; }

 private:
  Code Known(CfiRow&& row, uint64_t svma) {
    row_ = Compact(std::move(row), svma, *snapshot_.architecture);
    return {.state = Code::State::kKnown, .row = row_.row, .rules = row_.rules.get()};
  }

  const RecordedSnapshot& snapshot_;
  std::vector<std::unique_ptr<RowSource>> sources_;
  RowAndRules row_;
  std::vector<uint64_t> looked_up_;
};

Code RecordedCode::At(uint64_t address) {
  looked_up_.push_back(address);
  if (address + 1 - snapshot_.signal_return <= kSignalReturnBytes) {
    return Known(SignalReturnRow(*snapshot_.architecture), address);
  }
  const auto bare = snapshot_.bare.find(address);
  if (bare != snapshot_.bare.end()) {
    return {.state = Code::State::kKnown,
            .row = {.cfa_offset = bare->second.cfa_offset, .entry = bare->second.entry},
            .keeps_frame_pointers = bare->second.keeps_frame_pointers};
  }
  for (size_t index = 0; index < sources_.size(); index++) {
    const RecordedSnapshot::File& file = snapshot_.files[index];
    if (address < file.start || address >= file.end) continue;
    auto row = sources_[index]->Find(address - file.bias);
    if (row) return Known(std::move(*row), address - file.bias);
    return {.state = Code::State::kUnreadable};
  }
  return {};
}

std::optional<CfiRow> RecordedCode::RulesAt(uint64_t address) {
  for (size_t index = 0; index < sources_.size(); index++) {
    const RecordedSnapshot::File& file = snapshot_.files[index];
    if (address < file.start || address >= file.end) continue;
    auto row = sources_[index]->Find(address - file.bias);
    if (row) return std::move(*row);
  }
  return std::nullopt;
}

// --- less of it ----------------------------------------------------------------------------------

/// An .eh_frame of those entries alone that cover `svmas`.
class FrameCollector {
 public:
  explicit FrameCollector(const SectionBytes& whole)
      : section_(whole, CfiFormat::kEhFrame), index_(*CfiIndex::Build(section_)) {
    made_.svma = whole.svma;
  }

  void Add(uint64_t svma) {
    const auto place = index_.Find(svma);
    if (!place || !taken_.insert(place->fde).second) return;
    const CfiEntry entry = section_.EntryAt(place->fde);
    const Fde fde = section_.ReadFde(entry);
    if (fde.cie.pointer_encoding != (DW_EH_PE_pcrel | DW_EH_PE_sdata4)) {
      throw std::runtime_error("an encoding that cannot be moved");
    }
    if (!cies_.contains(entry.cie)) {
      cies_[entry.cie] = Copy(entry.cie, section_.EntryAt(entry.cie).end);
    }
    const size_t at = Copy(place->fde, entry.end);
    Put(at + 4, static_cast<uint32_t>(at + 4 - cies_[entry.cie]));
    Put(at + 8, static_cast<uint32_t>(fde.svma - (made_.svma + at + 8)));
  }
  SectionBytes made() const { return made_; }

 private:
  size_t Copy(size_t begin, size_t end) {
    const size_t at = made_.bytes.size();
    const auto bytes = std::as_bytes(section_.bytes().subspan(begin, end - begin));
    made_.bytes.insert(made_.bytes.end(), bytes.begin(), bytes.end());
    return at;
  }
  void Put(size_t at, uint32_t value) { std::memcpy(&made_.bytes[at], &value, sizeof(value)); }

  CfiSection section_;
  CfiIndex index_;
  SectionBytes made_;
  std::set<size_t> taken_;
  std::map<size_t, size_t> cies_;
};

bool SameWay(const RecordedSnapshot& snapshot, const Replay& expected) {
  const Replay replay = Replayed(snapshot);
  return replay.outcome.end == expected.outcome.end && replay.frames == expected.frames;
}

}  // namespace

RecordedSnapshot RecordedSnapshot::Read(std::istream& from) {
  RecordedSnapshot snapshot;
  std::vector<std::byte>* bytes = nullptr;
  for (std::string line; std::getline(from, line);) {
    std::istringstream words(line);
    std::string word;
    if (!(words >> word) || word[0] == '#') continue;
    words >> std::hex;
    if (line[0] == ' ') {
      if (bytes != nullptr) AppendBytes(*bytes, word);
    } else if (word == "machine") {
      words >> word;
      snapshot.architecture = word == "aarch64" ? &kAarch64 : &kX86_64;
    } else if (word == "instruction") {
      words >> snapshot.instruction;
    } else if (word == "register") {
      unsigned number = 0;
      uint64_t value = 0;
      words >> std::dec >> number >> std::hex >> value;
      snapshot.registers.Set(number, value);
    } else if (word == "stack") {
      bytes = &snapshot.stack;
    } else if (word == "file") {
      File& file = snapshot.files.emplace_back();
      words >> file.name >> file.start >> file.end >> file.bias >> file.frames.svma;
      bytes = &file.frames.bytes;
    } else if (word == "bare") {
      uint64_t address = 0;
      Bare bare;
      words >> address >> std::dec >> bare.keeps_frame_pointers >> bare.entry >> bare.cfa_offset;
      snapshot.bare[address] = bare;
    } else if (word == "signal-return") {
      words >> snapshot.signal_return;
    } else if (word == "frame") {
      words >> snapshot.frames.emplace_back();
    } else {
      throw std::runtime_error("unknown line: " + line);
    }
  }
  return snapshot;
}

void RecordedSnapshot::Write(std::ostream& to) const {
  to << std::hex << "machine " << (architecture == &kAarch64 ? "aarch64" : "x86-64") << '\n';
  to << "instruction " << instruction << '\n';
  for (unsigned number = 0; number < kMaxRegisters; number++) {
    if (!registers.Knows(number)) continue;
    to << "register " << std::dec << number << ' ' << std::hex << registers.value[number] << '\n';
  }
  to << "stack\n";
  WriteBytes(to, stack);
  for (const File& file : files) {
    to << "file " << file.name << ' ' << file.start << ' ' << file.end << ' ' << file.bias << ' '
       << file.frames.svma << '\n';
    WriteBytes(to, file.frames.bytes);
  }
  for (const auto& [address, code] : bare) {
    to << "bare " << address << ' ' << std::dec << code.keeps_frame_pointers << ' ' << code.entry
       << ' ' << code.cfa_offset << std::hex << '\n';
  }
  if (signal_return != 0) to << "signal-return " << signal_return << '\n';
  for (const uint64_t frame : frames) to << "frame " << frame << '\n';
}

Replay Replayed(const RecordedSnapshot& snapshot) {
  const StackSnapshot stack{.registers = snapshot.registers,
                            .instruction = snapshot.instruction,
                            .bytes = snapshot.stack};
  RecordedCode code(snapshot);
  Replay replay;
  replay.outcome = Unwinder(*snapshot.architecture).Unwind(stack, code, replay.frames);
  for (uint64_t& frame : replay.frames) frame &= ~kExactAddress;
  replay.looked_up = code.looked_up();
  return replay;
}

RecordedSnapshot Trimmed(const RecordedSnapshot& snapshot) {
  const Replay whole = Replayed(snapshot);
  RecordedSnapshot trimmed = snapshot;
  trimmed.files.clear();
  for (const RecordedSnapshot::File& file : snapshot.files) {
    FrameCollector collector(file.frames);
    for (const uint64_t address : whole.looked_up) {
      const bool inside = address >= file.start && address < file.end;
      if (inside && !snapshot.bare.contains(address)) collector.Add(address - file.bias);
    }
    if (collector.made().bytes.empty()) continue;
    trimmed.files.push_back(file);
    trimmed.files.back().frames = collector.made();
  }
  std::erase_if(trimmed.bare, [&](const auto& code) {
    return std::ranges::find(whole.looked_up, code.first) == whole.looked_up.end();
  });
  const auto words = snapshot.stack.size() / 8;
  size_t enough = words;
  for (size_t low = 0; low < enough;) {
    const size_t middle = (low + enough) / 2;
    trimmed.stack.assign(snapshot.stack.begin(),
                         snapshot.stack.begin() + static_cast<ptrdiff_t>(middle * 8));
    if (SameWay(trimmed, whole)) {
      enough = middle;
    } else {
      low = middle + 1;
    }
  }
  trimmed.stack.assign(snapshot.stack.begin(),
                       snapshot.stack.begin() + static_cast<ptrdiff_t>(enough * 8));
  return trimmed;
}

}  // namespace sonde::test
