// The heap of a V8 that lies: a sound one, with words of it overwritten.
//
// Input: number of overwritten words (u8), for each its place (u16) and a value (u16, which is a place when it is odd, and
// else so much of a word); then frames: flags (u8), what they point to (u16 each).
#include "fuzz/fuzz_input.h"
#include "v8/forged_heap.h"

namespace sonde::fuzz {
namespace {

constexpr size_t kMaxFrames = 8;

/// A function of each tier, and something inlined.
struct Program {
  test::ForgedHeap heap;
  V8Object function = 0;
  V8Object bytecode = 0;
  uint64_t code = 0;

  Program() {
    const V8Object cons = heap.Compound(33, 6, heap.Text("abc"), heap.WideText(u"def"));
    const V8Object script = heap.Script(
        heap.Compound(37, 6, cons), heap.Compound(41, 8, heap.Text("a\nb\n"), heap.Text("c\nd\n")));
    bytecode = heap.Bytecode();
    const V8Object shared = heap.Shared(bytecode, heap.ScopeInfo(cons, cons, 5), script);
    function = heap.Function(shared);
    const V8Object calls = heap.Bytes(std::vector<uint8_t>(32));
    const V8Object data = heap.Optimized(shared, calls, heap.Array({shared, shared}));
    code = heap.StartOf(heap.Code(test::kTurbofanKind, 256, data,
                                  heap.Bytes({0, 2, 20, 0x80, 0x80, 0x80, 0x80, 0x10})));
    heap.Code(test::kBaselineKind, 256, bytecode);
  }

  uint64_t PlaceOf(uint16_t number) const {
    return test::ForgedHeap::kBase + number % (heap.size() / 8) * 8;
  }
  /// Something to point to.
  uint64_t ValueOf(uint16_t number) const {
    return (number & 1) != 0 ? PlaceOf(number >> 1) + 1 : uint64_t{number} << (number % 48);
  }
};

V8Frame FrameOf(Input& input, const Program& program) {
  const auto flags = input.Take<uint8_t>();
  const auto either = [&](uint8_t bit, uint64_t sound) {
    return (flags & bit) != 0 ? program.ValueOf(input.Take<uint16_t>()) : sound;
  };
  return {.generated = (flags & 1) != 0,
          .address = either(2, program.code + (flags & 128)),
          .time = flags,
          .function = either(4, program.function),
          .bytecode_array = either(8, program.bytecode),
          .feedback = {either(16, 0), 0},
          .return_address = either(32, 0)};
}

}  // namespace
}  // namespace sonde::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sonde;
  using namespace sonde::fuzz;
  Input input(data, size);
  Program program;
  uint64_t now = 0;
  V8FrameNamer namer(program.heap, program.heap.layout, [&now] { return now; });
  for (unsigned round = 0; round < kMaxFrames; round++) {
    for (unsigned words = input.Take<uint8_t>() % 16; words > 0; words--) {
      const uint64_t place = program.PlaceOf(input.Take<uint16_t>());
      program.heap.Put(place, program.ValueOf(input.Take<uint16_t>()));
    }
    const unsigned before = program.heap.reads;
    now = round * 16;
    const V8Answer answer = namer.Name(FrameOf(input, program));
    Require(program.heap.reads - before <= BoundedMemory::kMaxReads, "reads are bounded");
    Require(answer.functions.size() <= 66, "calls are inlined a bounded number of times");
    Require(answer.functions.empty() == (answer.state != V8Answer::State::kNamed),
            "a name has a function");
    for (const V8FunctionPtr& function : answer.functions) {
      Require(function->name.size() <= 4 * 512 && function->file.size() <= 4 * 4096,
              "names are bounded");
    }
  }
  return 0;
}
