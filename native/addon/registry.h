// What the addon is made of: one function per part, each defined in the file of its name.
// A new part is declared here and called in addon.cc.
#pragma once

#include <napi.h>

namespace sonde {

/// openSampler.
void RegisterSampler(Napi::Env env, Napi::Object exports);

/// prepareCommand.
void RegisterCommand(Napi::Env env, Napi::Object exports);

/// kernelFacts, clock, tryLock.
void RegisterHost(Napi::Env env, Napi::Object exports);

/// dropCapabilities.
void RegisterPrivileges(Napi::Env env, Napi::Object exports);

/// openSymbols, demangle.
void RegisterSymbols(Napi::Env env, Napi::Object exports);

/// openLines.
void RegisterLines(Napi::Env env, Napi::Object exports);

/// openJitNames.
void RegisterJitNames(Napi::Env env, Napi::Object exports);

/// openRecordedUnwinder.
void RegisterRecordedUnwinder(Napi::Env env, Napi::Object exports);

/// probeBpf, tryEvent.
void RegisterProbe(Napi::Env env, Napi::Object exports);

/// encodeSamples.
void RegisterSampleRecords(Napi::Env env, Napi::Object exports);

}  // namespace sonde
