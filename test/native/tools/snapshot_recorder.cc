#include "tools/snapshot_recorder.h"

#include <algorithm>

#include "core/perf/image.h"
#include "core/perf/proc_reader.h"
#include "core/symbols/elf_sections.h"
#include "core/symbols/vdso.h"
#include "core/unwind/eh_frame_file.h"

namespace sonde::test {
namespace {

/// Keeps what was asked.
class AskedCode : public CodeMap {
 public:
  explicit AskedCode(CodeMap& code) : code_(code) {}
  Code At(uint64_t address) override {
    const Code code = code_.At(address);
    asked_.emplace_back(address, code);
    return code;
  }
  std::optional<CfiRow> RulesAt(uint64_t address) override { return code_.RulesAt(address); }
  const std::vector<std::pair<uint64_t, Code>>& asked() const { return asked_; }

 private:
  CodeMap& code_;
  std::vector<std::pair<uint64_t, Code>> asked_;
};

Result<RecordedSnapshot::File> FileOf(pid_t pid, const ScannedMapping& mapping) {
  ImageRegistry images;
  const MappedRange range{.start = mapping.start,
                          .end = mapping.end,
                          .file_offset = mapping.file_offset,
                          .image = images.Intern(mapping.path, mapping.file)};
  const auto file = range.image->kind == ImageKind::kVdso
                        ? OpenVdso()
                        : TargetFile::Open(pid, mapping.path, mapping.file);
  if (!file) return file.error();
  const auto headers = ElfHeaders::Read(*file);
  if (!headers) return headers.error();
  range.image->headers = *headers;
  const auto sections = ReadElfSections(*file, *headers);
  if (!sections) return sections.error();
  auto frames = ReadEhFrame(*file, *headers, *sections);
  if (!frames) return frames.error();
  return RecordedSnapshot::File{.name = mapping.path.substr(mapping.path.rfind('/') + 1),
                                .start = mapping.start,
                                .end = mapping.end,
                                .bias = BiasOf(range).bias,
                                .frames = std::move(frames->frames)};
}

}  // namespace

Result<RecordedSnapshot> Record(const StoppedProcess& process, const StoppedProcess::Thread& thread,
                                ProcessCode& code) {
  const auto memory = process.MemoryFrom(thread.registers.value[kThisArchitecture.stack_pointer]);
  const StackSnapshot stack{.registers = thread.registers,
                            .instruction = thread.instruction,
                            .bytes = memory.bytes,
                            .cut = memory.cut};
  RecordedSnapshot snapshot{.architecture = &kThisArchitecture,
                            .registers = thread.registers,
                            .instruction = thread.instruction,
                            .stack = memory.bytes};
  // First with what it has to wait for, then asking again.
  code.Unwind(process.pid(), stack, snapshot.frames);
  snapshot.frames.clear();
  AskedCode asked(code.Of(process.pid(), thread.instruction));
  Unwinder(kThisArchitecture).Unwind(stack, asked, snapshot.frames);
  for (uint64_t& frame : snapshot.frames) frame &= ~kExactAddress;

  const auto mappings = ProcReader().Mappings(process.pid());
  for (const auto& [address, found] : asked.asked()) {
    if (found.state != Code::State::kKnown) continue;
    if (found.row.kind == UnwindRow::Kind::kNone) {
      snapshot.bare[address] = {.keeps_frame_pointers = found.keeps_frame_pointers,
                                .entry = found.row.entry,
                                .cfa_offset = found.row.cfa_offset};
      continue;
    }
    const bool known = std::ranges::any_of(snapshot.files, [&](const auto& file) {
      return address >= file.start && address < file.end;
    });
    if (known) continue;
    const auto mapping = std::ranges::find_if(mappings, [&](const ScannedMapping& each) {
      return address >= each.start && address < each.end;
    });
    if (mapping == mappings.end()) return Error{ENOENT, "no mapping"};
    auto file = FileOf(process.pid(), *mapping);
    if (!file) return file.error();
    snapshot.files.push_back(std::move(*file));
  }
  return snapshot;
}

}  // namespace sonde::test
