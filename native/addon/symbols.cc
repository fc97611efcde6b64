// openSymbols and demangle: names of functions, off the event loop.
#include <napi.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "addon/name_request.h"
#include "addon/pool_call.h"
#include "addon/registry.h"
#include "core/symbols/demangle.h"
#include "core/symbols/image_namer.h"
#include "core/symbols/kernel_namer.h"
#include "core/symbols/process_roots.h"
#include "core/symbols/recorded_kernel_namer.h"

namespace sonde {
namespace {

/// Shared by the JavaScript object and the calls under way.
struct Namers {
  Namers(size_t max_cache_bytes, const SymbolOptions& options, RecordedKernelNamer::Named named)
      : images(max_cache_bytes, options),
        recorded_kernel(std::move(named), {options.recorded_root, options.build_id_caches,
                                           options.debug_directories}) {}
  ImageNamer images;
  KernelNamer kernel;
  RecordedKernelNamer recorded_kernel;
};

Napi::Object ToObject(Napi::Env env, const NameResult& result) {
  auto object = Napi::Object::New(env);
  object.Set("systemNames", ToStrings(env, result.system_names));
  object.Set("functions", ToStrings(env, result.functions));
  object.Set("name", ToColumn(env, result.name));
  object.Set("offset", ToColumn(env, result.offset));
  object.Set("problem", Napi::String::New(env, result.problem));
  object.Set("note", Napi::String::New(env, result.note));
  object.Set("identity", Napi::String::New(env, result.identity));
  return object;
}

/// The files that somebody named.
RecordedKernelNamer::Named ToNamed(const Napi::Object& options) {
  const auto text = [&](const char* key) {
    const Napi::Value value = options.Get(key);
    return value.IsString() ? std::string(value.ToString()) : std::string();
  };
  return {.vmlinux = text("vmlinux"), .kallsyms = text("kallsyms")};
}

/// NativeSymbols of src/native/binding.ts.
class Symbols : public Napi::ObjectWrap<Symbols> {
 public:
  static Napi::Function Class(Napi::Env env) {
    return DefineClass(env, "Symbols",
                       {InstanceMethod("nameImages", &Symbols::NameImages),
                        InstanceMethod("processRoots", &Symbols::ProcessRoots),
                        InstanceMethod("nameKernel", &Symbols::NameKernel),
                        InstanceMethod("nameRecordedKernel", &Symbols::NameRecordedKernel),
                        InstanceMethod("cacheBytes", &Symbols::CacheBytes),
                        InstanceMethod("close", &Symbols::Close)});
  }

  explicit Symbols(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Symbols>(info) {
    const auto options = info[0].As<Napi::Object>();
    const int64_t max_bytes = options.Get("maxCacheBytes").ToNumber().Int64Value();
    namers_ = std::make_shared<Namers>(static_cast<size_t>(std::max<int64_t>(0, max_bytes)),
                                       ToSymbolOptions(options), ToNamed(options));
  }

 private:
  using Results = std::vector<NameResult>;

  std::shared_ptr<Namers> Open(Napi::Env env) const {
    if (!namers_) throw Napi::Error::New(env, "symbols are closed");
    return namers_;
  }

  Napi::Value NameImages(const Napi::CallbackInfo& info) {
    auto requests = ToRequests(info[0].As<Napi::Array>());
    const std::chrono::milliseconds limit(info[1].ToNumber().Int64Value());
    return PoolCall<Results>::Start(
        info.Env(), "sonde.symbols",
        [namers = Open(info.Env()), requests = std::move(requests), limit] {
          return namers->images.Name(requests, limit);
        },
        [](Napi::Env env, Results& results) -> Napi::Value {
          auto array = Napi::Array::New(env, results.size());
          for (uint32_t i = 0; i < results.size(); i++) array.Set(i, ToObject(env, results[i]));
          return array;
        });
  }

  Napi::Value ProcessRoots(const Napi::CallbackInfo& info) {
    const auto list = info[0].As<Napi::Array>();
    std::vector<pid_t> pids;
    for (uint32_t i = 0; i < list.Length(); i++)
      pids.push_back(list.Get(i).ToNumber().Int32Value());
    return PoolCall<std::vector<std::string>>::Start(
        info.Env(), "sonde.roots", [pids = std::move(pids)] { return RootsOfProcesses(pids); },
        [](Napi::Env env, std::vector<std::string>& roots) -> Napi::Value {
          return ToStrings(env, roots);
        });
  }

  Napi::Value NameKernel(const Napi::CallbackInfo& info) {
    return PoolCall<NameResult>::Start(
        info.Env(), "sonde.symbols",
        [namers = Open(info.Env()), addresses = ToAddresses(info[0]),
         recorded_text = ToUint64(info[1]), code_changed = info[2].ToBoolean().Value()] {
          return namers->kernel.Name(addresses, recorded_text, code_changed);
        },
        [](Napi::Env env, NameResult& result) -> Napi::Value { return ToObject(env, result); });
  }

  Napi::Value NameRecordedKernel(const Napi::CallbackInfo& info) {
    return PoolCall<NameResult>::Start(
        info.Env(), "sonde.symbols",
        [namers = Open(info.Env()), kernel = ToRecordedKernel(info[0].As<Napi::Object>()),
         addresses = ToAddresses(info[1])] {
          return namers->recorded_kernel.Name(kernel, addresses);
        },
        [](Napi::Env env, NameResult& result) -> Napi::Value { return ToObject(env, result); });
  }

  Napi::Value CacheBytes(const Napi::CallbackInfo& info) {
    const size_t bytes = namers_ ? namers_->images.cache_bytes() + namers_->kernel.bytes() +
                                       namers_->recorded_kernel.bytes()
                                 : 0;
    return Napi::Number::New(info.Env(), static_cast<double>(bytes));
  }

  void Close(const Napi::CallbackInfo&) { namers_.reset(); }

  std::shared_ptr<Namers> namers_;
};

Napi::Value DemangleName(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), Demangle(info[0].ToString().Utf8Value()));
}

}  // namespace

void RegisterSymbols(Napi::Env env, Napi::Object exports) {
  auto symbols = std::make_shared<Napi::FunctionReference>(Napi::Persistent(Symbols::Class(env)));
  exports.Set("openSymbols",
              Napi::Function::New(env, [symbols](const Napi::CallbackInfo& info) -> Napi::Value {
                return symbols->New({info[0]});
              }));
  exports.Set("demangle", Napi::Function::New(env, DemangleName, "demangle"));
}

}  // namespace sonde
