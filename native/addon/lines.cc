// openLines: source lines and inlined functions, off the event loop.
#include <napi.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "addon/name_request.h"
#include "addon/pool_call.h"
#include "addon/registry.h"
#include "core/lines/line_reader.h"

namespace sonde {
namespace {

Napi::Object ToObject(Napi::Env env, const LineResult& result) {
  auto object = Napi::Object::New(env);
  object.Set("systemNames", ToStrings(env, result.system_names));
  object.Set("functions", ToStrings(env, result.functions));
  object.Set("files", ToStrings(env, result.files));
  object.Set("offsets", ToColumn(env, result.offsets));
  object.Set("function", ToColumn(env, result.function));
  object.Set("file", ToColumn(env, result.file));
  object.Set("line", ToColumn(env, result.line));
  object.Set("fromStart", ToColumn(env, result.from_start));
  object.Set("fromEntry", ToColumn(env, result.from_entry));
  object.Set("hasDwarf", Napi::Boolean::New(env, result.has_dwarf));
  object.Set("problem", Napi::String::New(env, result.problem));
  return object;
}

/// NativeLines of src/native/binding.ts.
class Lines : public Napi::ObjectWrap<Lines> {
 public:
  static Napi::Function Class(Napi::Env env) {
    return DefineClass(
        env, "Lines",
        {InstanceMethod("findLines", &Lines::FindLines), InstanceMethod("stats", &Lines::Stats),
         InstanceMethod("cacheBytes", &Lines::CacheBytes), InstanceMethod("close", &Lines::Close)});
  }

  explicit Lines(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Lines>(info) {
    const auto given = info[0].As<Napi::Object>();
    LineReaderOptions options;
    options.program = given.Get("program").ToString();
    options.symbols = ToSymbolOptions(given);
    options.max_cache_bytes = ToSize(given.Get("maxCacheBytes"));
    options.limits.data_bytes = ToSize(given.Get("maxChildBytes"));
    options.limits.cpu_seconds = ToSize(given.Get("maxChildSeconds"));
    reader_ = std::make_shared<LineReader>(std::move(options));
  }

 private:
  using Results = std::vector<LineResult>;

  static size_t ToSize(const Napi::Value& value) {
    return static_cast<size_t>(std::max<int64_t>(0, value.ToNumber().Int64Value()));
  }

  Napi::Value FindLines(const Napi::CallbackInfo& info) {
    if (!reader_) throw Napi::Error::New(info.Env(), "lines are closed");
    const std::chrono::milliseconds limit(info[1].ToNumber().Int64Value());
    return PoolCall<Results>::Start(
        info.Env(), "sonde.lines",
        [reader = reader_, requests = ToRequests(info[0].As<Napi::Array>()), limit] {
          return reader->Read(requests, limit);
        },
        [](Napi::Env env, Results& results) -> Napi::Value {
          auto array = Napi::Array::New(env, results.size());
          for (uint32_t i = 0; i < results.size(); i++) array.Set(i, ToObject(env, results[i]));
          return array;
        });
  }

  Napi::Value Stats(const Napi::CallbackInfo& info) {
    const LineStats stats = reader_ ? reader_->stats() : LineStats{};
    auto object = Napi::Object::New(info.Env());
    const auto set = [&](const char* name, uint64_t value) {
      object.Set(name, Napi::Number::New(info.Env(), static_cast<double>(value)));
    };
    set("children", stats.children);
    set("died", stats.died);
    set("late", stats.late);
    set("forbidden", stats.forbidden);
    set("refused", stats.refused);
    set("cpuNs", stats.cpu_ns);
    return object;
  }

  Napi::Value CacheBytes(const Napi::CallbackInfo& info) {
    const size_t bytes = reader_ ? reader_->cache_bytes() : 0;
    return Napi::Number::New(info.Env(), static_cast<double>(bytes));
  }

  void Close(const Napi::CallbackInfo&) { reader_.reset(); }

  std::shared_ptr<LineReader> reader_;
};

}  // namespace

void RegisterLines(Napi::Env env, Napi::Object exports) {
  auto lines = std::make_shared<Napi::FunctionReference>(Napi::Persistent(Lines::Class(env)));
  exports.Set("openLines",
              Napi::Function::New(env, [lines](const Napi::CallbackInfo& info) -> Napi::Value {
                return lines->New({info[0]});
              }));
}

}  // namespace sonde
