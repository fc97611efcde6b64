// The module: every part of the addon puts what JavaScript may call into `exports`.
#include <napi.h>

#include "addon/registry.h"

namespace {

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  sonde::RegisterSampler(env, exports);
  sonde::RegisterCommand(env, exports);
  sonde::RegisterHost(env, exports);
  sonde::RegisterSymbols(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(sonde, Init)
