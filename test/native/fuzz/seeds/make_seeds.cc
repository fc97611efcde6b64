// Writes the handmade seeds of the corpus: fuzz_seeds DIRECTORY. See corpus/README.md.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

#include "core/perf/event_attr.h"
#include "core/unwind/dwarf_constants.h"
#include "core/unwind/unwinder.h"
#include "perf/record_bytes.h"
#include "symbols/elf_builder.h"
#include "symbols/jitdump_bytes.h"
#include "symbols/packing.h"
#include "unwind/cfi_builder.h"
#include "unwind/go_table_bytes.h"

namespace sonde::test {
namespace {

std::filesystem::path corpus;

void Write(const std::string& name, const std::string& bytes) {
  const auto path = corpus / name;
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

std::string TextOf(const ByteString& bytes) {
  const auto span = bytes.span();
  return {span.begin(), span.end()};
}

// --- cfi -----------------------------------------------------------------------------------------

TestFrames Frames() {
  const ByteString ordinary = {DW_CFA_advance_loc | 1,
                               DW_CFA_def_cfa_offset,
                               16,
                               DW_CFA_offset | 6,
                               2,
                               DW_CFA_advance_loc | 3,
                               DW_CFA_def_cfa_register,
                               6,
                               DW_CFA_remember_state,
                               DW_CFA_advance_loc1,
                               40,
                               DW_CFA_def_cfa,
                               7,
                               8,
                               DW_CFA_advance_loc | 1,
                               DW_CFA_restore_state};
  const ByteString stub = {DW_CFA_def_cfa_offset,
                           16,
                           DW_CFA_advance_loc | 6,
                           DW_CFA_def_cfa_expression,
                           11,
                           DW_OP_breg0 + 7,
                           8,
                           DW_OP_breg0 + 16,
                           0,
                           DW_OP_lit0 + 15,
                           DW_OP_and,
                           DW_OP_lit0 + 11,
                           DW_OP_ge,
                           DW_OP_lit0 + 3,
                           DW_OP_shl,
                           DW_OP_plus};
  const ByteString signal = {DW_CFA_def_cfa_expression,
                             4,
                             DW_OP_breg0 + 7,
                             0xa0,
                             1,
                             DW_OP_deref,
                             DW_CFA_expression,
                             6,
                             3,
                             DW_OP_breg0 + 7,
                             0xf8,
                             0,
                             DW_CFA_val_expression,
                             16,
                             2,
                             DW_OP_breg0 + 7,
                             8};
  const ByteString outermost = {DW_CFA_undefined,
                                16,
                                DW_CFA_offset_extended_sf,
                                3,
                                0x7f,
                                DW_CFA_register,
                                5,
                                4,
                                DW_CFA_val_offset,
                                7,
                                0};
  return {.functions = {{.svma = 0x1000, .instructions = ordinary},
                        {.svma = 0x1100, .instructions = stub},
                        {.svma = 0x1200, .instructions = signal},
                        {.svma = 0x1300, .instructions = outermost}}};
}

std::string CfiSeed(int kind, const ByteString& header, const ByteString& frames) {
  ByteString seed = {kind};
  seed.U16(static_cast<uint16_t>(header.size())).Add(header).Add(frames);
  return TextOf(seed);
}

void WriteCfi() {
  TestFrames frames = Frames();
  Write("cfi/header", CfiSeed(0, frames.Header(), frames.EhFrame()));
  Write("cfi/indexed", CfiSeed(0, {}, frames.EhFrame()));
  Write("cfi/debug-frame", CfiSeed(1, {}, frames.DebugFrame()));
  frames.long_format = true;
  Write("cfi/debug-frame-64", CfiSeed(1, {}, frames.DebugFrame()));
  TestFrames arm = Frames();
  arm.cie = {.augmentation = "zRB",
             .code_alignment = 4,
             .return_address = 30,
             .instructions = {DW_CFA_def_cfa, 31, 0}};
  arm.functions[0].instructions = {DW_CFA_advance_loc | 1, DW_CFA_AARCH64_negate_ra_state,
                                   DW_CFA_def_cfa_offset,  32,
                                   DW_CFA_offset | 29,     4,
                                   DW_CFA_offset | 30,     3};
  Write("cfi/aarch64", CfiSeed(2, arm.Header(), arm.EhFrame()));
  TestFrames personal = Frames();
  personal.cie.augmentation = "zPLRS";
  personal.cie.augmentation_data = {DW_EH_PE_pcrel | DW_EH_PE_sdata4, 0, 0, 0, 0, DW_EH_PE_omit,
                                    DW_EH_PE_pcrel | DW_EH_PE_sdata4};
  Write("cfi/personality", CfiSeed(0, personal.Header(), personal.EhFrame()));
}

// --- expression ----------------------------------------------------------------------------------

void WriteExpression(const std::string& name, const ByteString& expression) {
  ByteString seed;
  seed.U64(~uint64_t{0}).U8(1).Add(expression);
  Write("expression/" + name, TextOf(seed));
}

void WriteExpressions() {
  WriteExpression("stub", {DW_OP_breg0 + 7, 8, DW_OP_breg0 + 16, 0, DW_OP_lit0 + 15, DW_OP_and,
                           DW_OP_lit0 + 11, DW_OP_ge, DW_OP_lit0 + 3, DW_OP_shl, DW_OP_plus});
  WriteExpression("load", {DW_OP_breg0 + 7, 0xa0, 1, DW_OP_deref, DW_OP_deref_size, 4});
  WriteExpression("loop", {DW_OP_lit0, DW_OP_plus_uconst, 1, DW_OP_dup, DW_OP_const2u, 0, 1,
                           DW_OP_ne, DW_OP_bra, 0xf7, 0xff});
  WriteExpression("stack", {DW_OP_const8u,
                            1,
                            2,
                            3,
                            4,
                            5,
                            6,
                            7,
                            8,
                            DW_OP_const1s,
                            0x80,
                            DW_OP_over,
                            DW_OP_pick,
                            1,
                            DW_OP_swap,
                            DW_OP_rot,
                            DW_OP_drop,
                            DW_OP_abs,
                            DW_OP_neg,
                            DW_OP_not,
                            DW_OP_div,
                            DW_OP_mod,
                            DW_OP_mul,
                            DW_OP_skip,
                            0,
                            0,
                            DW_OP_nop});
  WriteExpression("registers", {DW_OP_regx, 32, DW_OP_bregx, 29, 0x7f, DW_OP_xor, DW_OP_reg0 + 3,
                                DW_OP_minus, DW_OP_consts, 0x80, 0x7f, DW_OP_shra});
}

// --- unwinder ------------------------------------------------------------------------------------

/// See unwinder_fuzzer.cc.
struct SnapshotSeed {
  int flags = 0;
  ByteString codes = {};
  int code_count = 0;
  std::vector<uint64_t> chain = {};
  std::vector<uint64_t> stack = {};

  void Add(UnwindRow::Kind kind, int16_t cfa, int16_t frame_pointer, int16_t flags_of_code = 0,
           const ByteString& rules = {}) {
    codes.U8(15).U8(flags_of_code).U8(static_cast<int>(kind)).U16(static_cast<uint16_t>(cfa));
    codes.U16(static_cast<uint16_t>(frame_pointer)).U16(static_cast<uint16_t>(-8)).Add(rules);
    code_count++;
  }
  std::string Bytes() const {
    ByteString seed = {flags};
    const int registers = (flags & 4) != 0 ? kAarch64.registers : kX86_64.registers;
    for (int number = 0; number < registers; number++) seed.U16(static_cast<uint16_t>(number & 7));
    seed.U64(0x10000).U8(code_count).Add(codes).U8(static_cast<int>(chain.size()));
    for (const uint64_t address : chain) seed.U64(address);
    for (const uint64_t word : stack) seed.U64(word);
    return TextOf(seed);
  }
};

/// Words that are return addresses of other code each, and places of the stack.
std::vector<uint64_t> StackOf(size_t words) {
  std::vector<uint64_t> stack;
  for (size_t i = 0; i < words; i++) {
    stack.push_back(i % 2 == 0 ? 0x7fff0000 + 8 * (i + 2) : 0x10000 + i % 16);
  }
  return stack;
}

void WriteSnapshots() {
  using Kind = UnwindRow::Kind;
  SnapshotSeed rows{.stack = StackOf(64)};
  rows.Add(Kind::kStackPointer, 16, -16);
  rows.Add(Kind::kFramePointer, 16, -16);
  rows.Add(Kind::kStackPointer, 8, INT16_MIN);
  rows.Add(Kind::kNone, 0, 0, 4);
  rows.Add(Kind::kNone, 0, 0, 2);
  Write("unwinder/rows", rows.Bytes());
  rows.flags = 1 | 2 | 8;
  rows.chain = {0x10000, 0x10001, 0x10003, 0x10004};
  Write("unwinder/kernel-chain", rows.Bytes());
  rows.flags = 4;
  Write("unwinder/aarch64", rows.Bytes());

  // A CFA by expression; the return address below it, the frame pointer by an expression of its own.
  ByteString rules = {1, 0, 16};
  rules.U16(0).U8(1);
  rules.U8(2).Add({DW_OP_breg0 + 7, 16}).U8(2).Add({DW_OP_breg0 + 7, 0});
  rules.U8(2).U8(16).U8(2).U16(static_cast<uint16_t>(-8)).U8(6).U8(5).U16(1);
  SnapshotSeed by_rules{.stack = StackOf(64)};
  by_rules.Add(Kind::kRules, 0, 0, 0, rules);
  by_rules.Add(Kind::kRules, 0, 0, 1, rules);
  Write("unwinder/rules", by_rules.Bytes());
}

// --- go_table ------------------------------------------------------------------------------------

std::string GoSeed(const TestSections& file) {
  constexpr std::string_view kNames[] = {".gopclntab", ".text", ".data.rel.ro", ".go.module"};
  ByteString seed = {static_cast<int>(file.sections.size())};
  std::string bytes;
  for (const ElfSection& section : file.sections) {
    const auto* name = std::find(std::begin(kNames), std::end(kNames), section.name);
    seed.U8(static_cast<int>(name - std::begin(kNames))).U64(section.svma);
    seed.U32(static_cast<uint32_t>(section.size));
    bytes += file.bytes.substr(section.file_offset, section.size);
  }
  return TextOf(seed) + bytes;
}

void WriteGoTables() {
  const std::pair<std::string, GoTableLayout> layouts[] = {{"1.2", GoTableLayout::kGo12},
                                                           {"1.16", GoTableLayout::kGo116},
                                                           {"1.18", GoTableLayout::kGo118},
                                                           {"1.20", GoTableLayout::kGo120}};
  for (const auto& [name, layout] : layouts) {
    TestGoTable table{.layout = layout,
                      .functions = {{.name = "main.main", .stack = {{4, 0}, {20, 64}, {8, 0}}},
                                    {.name = "runtime.goexit"},
                                    {.name = "runtime.mcall", .stack = {{16, 0}, {16, 8}}},
                                    {.name = "runtime.morestack", .flags = 2},
                                    {.name = "runtime.newstack"},
                                    {.name = "crosscall2", .stack = {}},
                                    {.name = "runtime.sigreturn__sigaction"}}};
    Write("go_table/" + name, GoSeed(SectionsOf(table)));
    table.says_text = false;
    Write("go_table/" + name + "-text-unsaid", GoSeed(SectionsOf(table)));
  }
}

// --- record --------------------------------------------------------------------------------------

void WriteRecord(const std::string& name, RecordBytes record) {
  const auto bytes = record.Build();
  Write("record/" + name, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

/// What follows a call chain: registers, and a stack of which half was copied.
RecordBytes WithCapture(RecordBytes record) {
  record.U64(PERF_SAMPLE_REGS_ABI_64);
  for (size_t number = 0; number < kUserRegisterCount; number++) record.U64(number);
  record.U64(32);
  for (uint64_t word = 0; word < 4; word++) record.U64(word);
  return record.U64(16);
}

void WriteRecords() {
  const SampleFields fields{.id = 1, .chain = {kKernelMarker, 1, 2, kUserMarker, 3, 4}};
  SampleFields captured = fields;
  captured.id = 3;
  WriteRecord("sample", SampleBytes(fields));
  WriteRecord("sample-captured", WithCapture(SampleBytes(captured)));
  WriteRecord("comm", CommBytes("a name"));
  WriteRecord("mmap2", Mmap2Bytes({}));
  WriteRecord("mmap2-build-id", Mmap2Bytes({.build_id = {1, 2, 3, 4}}));
  WriteRecord("fork", TaskBytes(PERF_RECORD_FORK, 1, 1));
  WriteRecord("exit", TaskBytes(PERF_RECORD_EXIT, 1, 1));
  WriteRecord("lost", LostBytes(1, 2));
  WriteRecord("lost-samples", LostSamplesBytes(2));
  WriteRecord("throttle", ThrottleBytes(PERF_RECORD_THROTTLE, 1));
}

// --- demangle, elf -------------------------------------------------------------------------------

void WriteNames() {
  Write("demangle/cpp", "_ZNSt6vectorISt4pairIiSsESaIS1_EE9push_backERKS1_@@GLIBCXX_3.4");
  Write("demangle/cpp-template", "_Z1fIJiDpRK1AIT_EEEvDpT_Dv4_fPFvS_EU3Foo");
  Write("demangle/rust-legacy",
        "_ZN71_$LT$Test$u20$$u2b$$u20$$u27$static$GT$3foo17h05af221e174051e9E");
  Write("demangle/rust-v0",
        "_RINbNbCskIICzLVDPPb_5alloc5alloc8box_freeDINbNiB4_5boxed5FnBoxuEp6OutputuEL_"
        "ECs1iopQbuBiw2_3std");
  Write("demangle/rust-v0-const", "_RIC0KRe616263_Kj7b_KVNtC1a1SS1xKi1_EF_uEL_Kc76_u3x_y.llvm.1");
}

void WriteElf() {
  TestElf file{.symbols = {{"main", kTextSvma, 16},
                           {"alias", kTextSvma, 16, STT_FUNC, STB_WEAK},
                           {"label", kTextSvma + 4, 0, STT_NOTYPE},
                           {"_start", kTextSvma + 64, 0}},
               .dynamic_symbols = {{"exported", kTextSvma + 32, 8}}};
  Write("elf/symbols", file.Bytes());
  TestElf packed{.dynamic_symbols = file.dynamic_symbols};
  packed.sections = {{".gnu_debugdata", Xz(file.Bytes())},
                     {".gnu_debuglink", std::string("a.debug\0\1\2\3\4", 12)}};
  Write("elf/debug-data", packed.Bytes());
  file.compress = Zlib;
  Write("elf/compressed-zlib", file.Bytes());
  file.compress = Zstd;
  Write("elf/compressed-zstd", file.Bytes());
}

/// As GNU ld and lld make them.
void WritePacked() {
  const std::string text(500, 'x');
  Write("packed/zlib", '\0' + Zlib(text));
  Write("packed/zstd", '\0' + Zstd(text));
  Write("packed/zdebug",
        '\1' + std::string("ZLIB\0\0\0\0\0\0\1\xf4", 12) + Zlib(text).substr(sizeof(Elf64_Chdr)));
  Write("packed/xz", '\2' + Xz(text));
  const ByteString marked = {3,    0xf3, 0x0f, 0x1e, 0xfa, 0xf2, 0xff, 0x25, 0x75,
                             0x2f, 0,    0,    0x0f, 0x1f, 0x44, 0,    0};
  const ByteString lazy = {3, 0xff, 0x25, 0xe2, 0x2f, 0, 0, 0x68, 0, 0, 0, 0, 0xe9, 0, 0, 0, 0};
  Write("packed/stubs", TextOf(marked) + TextOf(lazy).substr(1));
  Write("packed/stubs-aarch64",
        TextOf({4,    0x5f, 0x24, 0x03, 0xd5, 0x90, 0,    0,    0x90, 0x11, 0xd6,
                0x47, 0xf9, 0x10, 0xa2, 0x3e, 0x91, 0x20, 0x02, 0x1f, 0xd6}));
}

// --- perf_map, jitdump ---------------------------------------------------------------------------

std::string Portioned(uint16_t first, const std::string& file) {
  return TextOf(ByteString().U16(first)) + file;
}

void WritePerfMaps() {
  Write("perf_map/node", Portioned(100,
                                   "7f5a04001000 60 JS:~work file:///app/main.js:12:5\n"
                                   "7f5a04001080 1c0 Builtin:ArgumentsAdaptorTrampoline\n"
                                   "7f5a04001000 40 JS:*work file:///app/main.js:12:5\n"
                                   "7f5a04001030 80 JS:^(anonymous) node:internal/timers:1:1\n"));
  Write("perf_map/python", Portioned(0,
                                     "0x7f0000002000 0x10 py::fib:/app/fib.py\n"
                                     "0x7f0000002010 0x10 py::<module>:/app/fib.py\n"));
  Write("perf_map/java", Portioned(20,
                                   "00007F0000003000\t8\tLjava/lang/String;::hash Code\r\n"
                                   "00007F0000003000 0 nothing\n00007F0000003004 2 inner"));
  Write("perf_map/damaged", Portioned(9,
                                      "\n\nzz 1 f\n1 zz f\n1 1\nffffffffffffffff 2 f\n"
                                      "1ffffffffffffff 7fffffff f\n0 1 \x1b[2J\n"));
}

void WriteJitdumps() {
  const auto windowed = [](uint64_t end, const JitdumpBytes& dump) {
    return TextOf(ByteString().U16(150).U64(end)) + dump.bytes();
  };
  Write("jitdump/loads", windowed(2, JitdumpBytes({.pid = 7})
                                         .Load(1, 0x1000, 16, "one")
                                         .Other(4, 2, 24)
                                         .Load(2, 0x2000, 32, "two")
                                         .Load(3, 0x1008, 16, "three")
                                         .Other(3, 4, 0)));
  Write("jitdump/moves", windowed(9, JitdumpBytes({})
                                         .Load(1, 0x1000, 16, "one")
                                         .Move(2, 0x1000, 0x2000, 16)
                                         .Load(3, 0x1000, 16, "two")
                                         .Move(4, 0x2000, 0x3000, 16)
                                         .Move(5, 0x9000, 0x1004, 16)));
  for (const bool swapped : {false, true}) {
    Write(swapped ? "jitdump/swapped" : "jitdump/lines",
          windowed(1, JitdumpBytes({.flags = 1, .swapped = swapped})
                          .Lines(1, 0x1000, {{0x1000, 11, "/a.js"}, {0x1004, 12, "\xff"}})
                          .Load(1, 0x1000, 16, "one")));
  }
}

/// See v8_fuzzer.cc: what is overwritten, then the frame.
void WriteV8() {
  Write("v8/interpreted", std::string(16, '\0'));
  Write("v8/optimised", std::string("\0\1\0\x81\0\1\0\x85\3\0", 10));
  Write("v8/builtin", std::string("\0\x28\3\0\x40\2\0\x10\5\0", 10));
  Write("v8/overwritten",
        std::string("\2\x20\0\x41\0\x30\0\x51\0\0\1\x20\1\7\0\1\1\x50\0\3\0\1", 22));
}

}  // namespace
}  // namespace sonde::test

int main(int count, char** arguments) {
  using namespace sonde::test;
  if (count != 2) return 2;
  corpus = arguments[1];
  WriteCfi();
  WriteExpressions();
  WriteSnapshots();
  WriteGoTables();
  WriteRecords();
  WriteNames();
  WriteElf();
  WritePerfMaps();
  WriteJitdumps();
  WriteV8();
  WritePacked();
}
