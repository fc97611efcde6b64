// The module: every part of the addon puts what JavaScript may call into `exports`.
#include <napi.h>

#include "addon/registry.h"

namespace {

Napi::Object Init(Napi::Env, Napi::Object exports) { return exports; }

}  // namespace

NODE_API_MODULE(sonde, Init)
