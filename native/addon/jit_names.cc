// openJitNames: names of code that processes made while they ran, off the event loop.
#include <napi.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "addon/pool_call.h"
#include "addon/registry.h"
#include "core/symbols/jit_namer.h"

namespace sonde {
namespace {

Napi::Array TextArray(Napi::Env env, const std::vector<std::string>& texts) {
  auto array = Napi::Array::New(env, texts.size());
  for (uint32_t i = 0; i < texts.size(); i++) array.Set(i, Napi::String::New(env, texts[i]));
  return array;
}

Napi::Uint32Array NumberColumn(Napi::Env env, const std::vector<uint32_t>& values) {
  auto column = Napi::Uint32Array::New(env, values.size());
  std::copy(values.begin(), values.end(), column.Data());
  return column;
}

Napi::Object JitResultObject(Napi::Env env, const JitResult& result) {
  auto object = Napi::Object::New(env);
  object.Set("systemNames", TextArray(env, result.system_names));
  object.Set("functions", TextArray(env, result.functions));
  object.Set("name", NumberColumn(env, result.name));
  object.Set("offset", NumberColumn(env, result.offset));
  object.Set("problem", Napi::String::New(env, result.problem));
  object.Set("files", TextArray(env, result.files));
  object.Set("file", NumberColumn(env, result.file));
  object.Set("line", NumberColumn(env, result.line));
  return object;
}

uint64_t BigIntOf(const Napi::Value& value) {
  bool lossless = false;
  return value.As<Napi::BigInt>().Uint64Value(&lossless);
}

JitRequest JitRequestOf(const Napi::Object& object) {
  JitRequest request;
  request.source = static_cast<JitRequest::Source>(object.Get("source").ToNumber().Uint32Value());
  request.pid = object.Get("pid").ToNumber().Int32Value();
  const auto addresses = object.Get("addresses").As<Napi::BigUint64Array>();
  request.addresses = {addresses.Data(), addresses.Data() + addresses.ElementLength()};
  request.window_start = BigIntOf(object.Get("windowStart"));
  request.window_end = BigIntOf(object.Get("windowEnd"));
  request.began = BigIntOf(object.Get("began"));
  request.ended = object.Get("ended").ToBoolean();
  request.path = object.Get("path").ToString();
  request.identity = {BigIntOf(object.Get("device")), BigIntOf(object.Get("inode")), {}};
  return request;
}

/// NativeJitNames of src/native/binding.ts.
class JitNames : public Napi::ObjectWrap<JitNames> {
 public:
  static Napi::Function Class(Napi::Env env) {
    return DefineClass(env, "JitNames",
                       {InstanceMethod("name", &JitNames::Name),
                        InstanceMethod("cacheBytes", &JitNames::CacheBytes),
                        InstanceMethod("close", &JitNames::Close)});
  }

  explicit JitNames(const Napi::CallbackInfo& info) : Napi::ObjectWrap<JitNames>(info) {
    const auto options = info[0].As<Napi::Object>();
    const int64_t max_bytes = options.Get("maxCacheBytes").ToNumber().Int64Value();
    namer_ = std::make_shared<JitNamer>(static_cast<size_t>(std::max<int64_t>(0, max_bytes)));
  }

 private:
  using Results = std::vector<JitResult>;

  Napi::Value Name(const Napi::CallbackInfo& info) {
    if (!namer_) throw Napi::Error::New(info.Env(), "names of run-time code are closed");
    const auto list = info[0].As<Napi::Array>();
    std::vector<JitRequest> requests;
    for (uint32_t i = 0; i < list.Length(); i++) {
      requests.push_back(JitRequestOf(list.Get(i).As<Napi::Object>()));
    }
    const std::chrono::milliseconds limit(info[1].ToNumber().Int64Value());
    return PoolCall<Results>::Start(
        info.Env(), "sonde.jitNames",
        [namer = namer_, requests = std::move(requests), limit] {
          return namer->Name(requests, limit);
        },
        [](Napi::Env env, Results& results) -> Napi::Value {
          auto array = Napi::Array::New(env, results.size());
          for (uint32_t i = 0; i < results.size(); i++) {
            array.Set(i, JitResultObject(env, results[i]));
          }
          return array;
        });
  }

  Napi::Value CacheBytes(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), namer_ ? static_cast<double>(namer_->cache_bytes()) : 0);
  }

  void Close(const Napi::CallbackInfo&) { namer_.reset(); }

  std::shared_ptr<JitNamer> namer_;
};

}  // namespace

void RegisterJitNames(Napi::Env env, Napi::Object exports) {
  auto names = std::make_shared<Napi::FunctionReference>(Napi::Persistent(JitNames::Class(env)));
  exports.Set("openJitNames",
              Napi::Function::New(env, [names](const Napi::CallbackInfo& info) -> Napi::Value {
                return names->New({info[0]});
              }));
}

}  // namespace sonde
