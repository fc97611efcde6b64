// openRecordedUnwinder: stacks that somebody has recorded as bytes.
#include "core/recorded/recorded_unwinder.h"

#include <napi.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "addon/name_request.h"
#include "addon/options_reader.h"
#include "addon/registry.h"

namespace sonde {
namespace {

RecordedCode::Sources SourcesOf(const OptionsReader& options) {
  return {.places = {.root = options.Text("root"),
                     .build_id_caches = FromStrings(options.Array("buildIdCaches")),
                     .debug_directories = FromStrings(options.Array("debugDirectories"))},
          .same_kernel = options.Boolean("sameKernel")};
}

RecordedSpaces::Mapping MappingOf(const OptionsReader& reader) {
  return {.start = reader.BigInt("start"),
          .end = reader.BigInt("end"),
          .file_offset = reader.BigInt("fileOffset"),
          .path = reader.Text("path"),
          .file = {.device = reader.BigInt("device"),
                   .inode = reader.BigInt("inode"),
                   .build_id = FromHex(reader.Text("buildId")),
                   .content_hash = FromHex(reader.Text("contentHash"))}};
}

uint32_t PidOf(const Napi::Value& value) { return value.ToNumber().Uint32Value(); }

/// Its spans lead into JavaScript's memory, which does not move.
RecordedUnwinder::Sample SampleOf(const Napi::Value& value) {
  const OptionsReader reader(value.As<Napi::Object>());
  return {.pid = static_cast<uint32_t>(reader.Number("pid", UINT32_MAX)),
          .is_32_bit = reader.Boolean("is32Bit"),
          .register_mask = reader.BigInt("registerMask"),
          .registers = reader.Words("registers"),
          .stack = reader.Bytes("stack"),
          .cut = reader.Boolean("cut"),
          .chain = reader.Words("chain"),
          .chain_cut = reader.Boolean("chainCut")};
}

template <typename Array, typename Value>
Array ColumnOf(Napi::Env env, const std::vector<Value>& values) {
  auto column = Array::New(env, values.size());
  std::copy(values.begin(), values.end(), column.Data());
  return column;
}

/// NativeRecordedUnwinder of src/native/binding.ts.
class RecordedStacks : public Napi::ObjectWrap<RecordedStacks> {
 public:
  static Napi::Function Class(Napi::Env env) {
    return DefineClass(env, "RecordedStacks",
                       {InstanceMethod("map", &RecordedStacks::Map),
                        InstanceMethod("clear", &RecordedStacks::Clear),
                        InstanceMethod("inherit", &RecordedStacks::Inherit),
                        InstanceMethod("unwind", &RecordedStacks::Unwind),
                        InstanceMethod("close", &RecordedStacks::Close)});
  }

  explicit RecordedStacks(const Napi::CallbackInfo& info) : Napi::ObjectWrap<RecordedStacks>(info) {
    const OptionsReader options(info[0].As<Napi::Object>());
    unwinder_ = std::make_unique<RecordedUnwinder>(options.Text("machine"), SourcesOf(options));
  }

 private:
  RecordedUnwinder& Open(Napi::Env env) const {
    if (!unwinder_) throw Napi::Error::New(env, "the unwinder is closed");
    return *unwinder_;
  }

  void Map(const Napi::CallbackInfo& info) {
    const OptionsReader mapping(info[1].As<Napi::Object>());
    Open(info.Env()).spaces().Map(PidOf(info[0]), MappingOf(mapping));
  }

  void Clear(const Napi::CallbackInfo& info) { Open(info.Env()).spaces().Clear(PidOf(info[0])); }

  void Inherit(const Napi::CallbackInfo& info) {
    Open(info.Env()).spaces().Inherit(PidOf(info[0]), PidOf(info[1]));
  }

  Napi::Value Unwind(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    RecordedUnwinder& unwinder = Open(env);
    const auto samples = info[0].As<Napi::Array>();
    std::vector<uint64_t> frames;
    std::vector<uint32_t> offsets = {0};
    std::vector<uint8_t> states;
    std::vector<uint32_t> reasons;
    for (uint32_t index = 0; index < samples.Length(); index++) {
      const Napi::HandleScope scope(env);
      const auto outcome = unwinder.Unwind(SampleOf(samples.Get(index)), frames);
      offsets.push_back(static_cast<uint32_t>(frames.size()));
      states.push_back(static_cast<uint8_t>(outcome.state));
      reasons.push_back(outcome.reason);
    }
    auto stacks = Napi::Object::New(env);
    stacks.Set("frames", ColumnOf<Napi::BigUint64Array>(env, frames));
    stacks.Set("offsets", ToColumn(env, offsets));
    stacks.Set("states", ColumnOf<Napi::Uint8Array>(env, states));
    stacks.Set("reasons", ToColumn(env, reasons));
    stacks.Set("texts", ToStrings(env, unwinder.reasons()));
    return stacks;
  }

  void Close(const Napi::CallbackInfo&) { unwinder_.reset(); }

  std::unique_ptr<RecordedUnwinder> unwinder_;
};

}  // namespace

void RegisterRecordedUnwinder(Napi::Env env, Napi::Object exports) {
  auto stacks =
      std::make_shared<Napi::FunctionReference>(Napi::Persistent(RecordedStacks::Class(env)));
  exports.Set("openRecordedUnwinder",
              Napi::Function::New(env, [stacks](const Napi::CallbackInfo& info) -> Napi::Value {
                return stacks->New({info[0]});
              }));
}

}  // namespace sonde
