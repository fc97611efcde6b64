// probeBpf, tryEvent: what the kernel lets this process do, tried.
#include "core/bpf/probe.h"

#include <napi.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "addon/options_reader.h"
#include "addon/pool_call.h"
#include "addon/registry.h"
#include "core/bpf/probe_events.h"

namespace sonde {
namespace {

using Probes = std::vector<Probe>;

const char* KindName(Probe::Kind kind) {
  switch (kind) {
    case Probe::Kind::kCall:
      return "call";
    case Probe::Kind::kEvent:
      return "event";
    case Probe::Kind::kMap:
      return "map";
    case Probe::Kind::kProgram:
      return "program";
    case Probe::Kind::kHelper:
      return "helper";
  }
  return "";
}

const char* NeedName(Probe::Need need) {
  switch (need) {
    case Probe::Need::kSampling:
      return "sampling";
    case Probe::Need::kBpf:
      return "bpf";
    case Probe::Need::kOptional:
      return "optional";
  }
  return "";
}

std::string ErrorName(int error) {
  if (error == 0) return "";
  // ENOTSUPP of the kernel's own, which has no name outside.
  constexpr int kKernelNotSupported = 524;
  if (error == kKernelNotSupported) return "ENOTSUPP";
  const char* name = strerrorname_np(error);
  return name == nullptr ? std::to_string(error) : name;
}

Napi::Value ToProbes(Napi::Env env, Probes& probes) {
  auto list = Napi::Array::New(env, probes.size());
  for (uint32_t index = 0; index < probes.size(); index++) {
    const Probe& probe = probes[index];
    auto object = Napi::Object::New(env);
    object.Set("kind", KindName(probe.kind));
    object.Set("name", probe.name);
    object.Set("serves", probe.serves);
    object.Set("need", NeedName(probe.need));
    object.Set("error", ErrorName(probe.error));
    object.Set("step", probe.step);
    object.Set("log", probe.log);
    list.Set(index, object);
  }
  return list;
}

Napi::Value ProbeBpf(const Napi::CallbackInfo& info) {
  return PoolCall<Probes>::Start(info.Env(), "sonde.probeBpf", ProbeKernel, ToProbes);
}

Napi::Value TryEvent(const Napi::CallbackInfo& info) {
  const OptionsReader reader(info[0].As<Napi::Object>());
  perf_event_attr attr = {};
  attr.type = static_cast<uint32_t>(reader.Number("type", UINT32_MAX));
  attr.config = reader.BigInt("config");
  attr.sample_period = 1'000'000'000;
  Status opened = probe::OpenEvent(attr, 0, -1);
  if (!opened && opened.error().code == EACCES) {
    attr.exclude_kernel = 1;
    attr.exclude_hv = 1;
    opened = probe::OpenEvent(attr, 0, -1);
  }
  return Napi::String::New(info.Env(), ErrorName(opened ? 0 : opened.error().code));
}

}  // namespace

void RegisterProbe(Napi::Env env, Napi::Object exports) {
  exports.Set("probeBpf", Napi::Function::New(env, ProbeBpf, "probeBpf"));
  exports.Set("tryEvent", Napi::Function::New(env, TryEvent, "tryEvent"));
}

}  // namespace sonde
