// The module: every part of the addon puts what JavaScript may call into `exports`.
#include <malloc.h>
#include <napi.h>

#include "addon/registry.h"

namespace {

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  // Threads of Node and of Sonde seldom allocate at once, and what one heap has free serves all: 6 MB less resident.
  mallopt(M_ARENA_MAX, 1);
  // What a window or a symbol table takes while it is made goes back at once; left alone, malloc would keep it.
  mallopt(M_MMAP_THRESHOLD, 256 << 10);
  mallopt(M_TRIM_THRESHOLD, 256 << 10);
  sonde::RegisterSampler(env, exports);
  sonde::RegisterCommand(env, exports);
  sonde::RegisterHost(env, exports);
  sonde::RegisterPrivileges(env, exports);
  sonde::RegisterSymbols(env, exports);
  sonde::RegisterLines(env, exports);
  sonde::RegisterJitNames(env, exports);
  sonde::RegisterRecordedUnwinder(env, exports);
  sonde::RegisterProbe(env, exports);
  sonde::RegisterSampleRecords(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(sonde, Init)
