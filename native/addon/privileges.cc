// dropCapabilities: what programs that Sonde executes, or Sonde itself, are to be without.
#include <napi.h>
#include <unistd.h>

#include "addon/native_error.h"
#include "addon/registry.h"
#include "core/privileges/process_surrender.h"

namespace sonde {
namespace {

/// Threads answer within a millisecond, unless a disk or a network file system holds one.
constexpr std::chrono::milliseconds kThreadsPatience(1000);

/// native/lines/sandbox.cc gives both up at once; nobody but root needs them for it.
CapabilityMask NeededToBecomeNobody() {
  return geteuid() == 0 ? MaskOf(CAP_SETGID) | MaskOf(CAP_SETUID) : 0;
}

Surrender ToSurrender(const Napi::CallbackInfo& info) {
  const std::string what = info[0].IsString() ? info[0].As<Napi::String>().Utf8Value() : "";
  if (what == "inherited") return {};
  if (what == "bounding") return {.bounding = NeededToBecomeNobody()};
  if (what == "all") return {.own = true, .bounding = 0};
  throw Napi::TypeError::New(info.Env(), "dropCapabilities: expected inherited, bounding or all");
}

Napi::Value DropCapabilities(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto report = ValueOrThrow(env, GiveUpInEveryThread(ToSurrender(info), kThreadsPatience));
  auto failed = Napi::Array::New(env, report.failed.size());
  for (uint32_t index = 0; index < report.failed.size(); index++) {
    const auto& failure = report.failed[index];
    auto thread = Napi::Object::New(env);
    thread.Set("tid", failure.tid);
    thread.Set("name", failure.name);
    thread.Set("reason", failure.reason);
    failed.Set(index, thread);
  }
  auto object = Napi::Object::New(env);
  object.Set("threads", static_cast<double>(report.threads));
  object.Set("failed", failed);
  object.Set("boundingKept", report.bounding_kept);
  return object;
}

}  // namespace

void RegisterPrivileges(Napi::Env env, Napi::Object exports) {
  exports.Set("dropCapabilities", Napi::Function::New(env, DropCapabilities, "dropCapabilities"));
}

}  // namespace sonde
