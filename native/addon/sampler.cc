// openSampler: NativeSampler of src/native/binding.ts.
#include "core/perf/sampler.h"

#include <napi.h>

#include <array>
#include <memory>
#include <utility>
#include <variant>

#include "addon/native_error.h"
#include "addon/options_reader.h"
#include "addon/registry.h"

namespace sonde {
namespace {

EventDetails ToDetails(const OptionsReader& reader) {
  EventDetails details{
      .config1 = reader.BigIntOrZero("config1"),
      .config2 = reader.BigIntOrZero("config2"),
      .breakpoint_type = static_cast<uint32_t>(reader.NumberOrZero("breakpointType", 7)),
      .precise_ip = static_cast<uint8_t>(reader.NumberOrZero("preciseIp", 3)),
      .exclude_host = reader.Flag("excludeHost"),
      .exclude_guest = reader.Flag("excludeGuest"),
      .pinned = reader.Flag("pinned"),
      .exclusive = reader.Flag("exclusive")};
  if (reader.Has("excludeHypervisor")) {
    details.exclude_hypervisor = reader.Boolean("excludeHypervisor");
  }
  return details;
}

SessionOptions ToSession(const OptionsReader& reader) {
  SessionOptions session;
  session.id = static_cast<uint32_t>(reader.Number("id", UINT32_MAX - 1));
  session.name = reader.Text("name");
  session.type = static_cast<uint32_t>(reader.Number("type", UINT32_MAX));
  session.config = reader.BigInt("config");
  if (reader.Has("frequency")) session.frequency = reader.Number("frequency");
  if (reader.Has("period")) session.period = reader.BigInt("period");
  session.exclude_user = reader.Boolean("excludeUser");
  session.exclude_kernel = reader.Boolean("excludeKernel");
  session.details = ToDetails(reader);
  if (reader.Has("filter")) session.filter = reader.Text("filter");
  if (reader.Has("leader")) {
    session.leader = static_cast<uint32_t>(reader.Number("leader", UINT16_MAX));
  }
  if (reader.Has("groupSize")) {
    session.group_size = static_cast<uint32_t>(reader.Number("groupSize", UINT16_MAX));
  }
  session.leader_sampling = reader.Flag("leaderSampling");
  if (reader.Has("cpus")) session.cpus = reader.Integers("cpus");
  session.clock = reader.Boolean("clock");
  session.max_stack = static_cast<uint16_t>(reader.Number("maxStack", UINT16_MAX));
  if (reader.Has("stackBytes")) {
    session.stack_bytes = static_cast<uint32_t>(reader.Number("stackBytes", 56 * 1024));
  }
  session.kernel_stacks = reader.Boolean("kernelStacks");
  session.user_stacks = reader.Boolean("userStacks");
  session.thread_names = reader.Boolean("threadNames");
  return session;
}

TargetOptions ToTarget(Napi::Env env, const OptionsReader& reader) {
  using Kind = TargetOptions::Kind;
  const std::string kind = reader.Text("kind");
  if (kind == "cpus") return {.kind = Kind::kCpus, .cpus = reader.Integers("cpus")};
  TargetOptions target{.inherit = reader.Boolean("inherit")};
  if (kind == "processes") {
    target.kind = Kind::kProcesses;
    target.ids = reader.Integers("pids");
  } else if (kind == "threads") {
    target.kind = Kind::kThreads;
    target.ids = reader.Integers("tids");
  } else if (kind == "command") {
    target.kind = Kind::kCommand;
    target.ids = {static_cast<pid_t>(reader.Number("pid", INT32_MAX))};
  } else {
    throw Napi::TypeError::New(env, "target.kind: unknown: " + kind);
  }
  return target;
}

template <size_t kCount>
Napi::Array CountsOf(Napi::Env env, const std::array<uint64_t, kCount>& counts) {
  auto list = Napi::Array::New(env, kCount);
  for (uint32_t index = 0; index < kCount; index++) {
    list.Set(index, static_cast<double>(counts[index]));
  }
  return list;
}

template <typename Value>
Napi::Array ListOf(Napi::Env env, const std::vector<Value>& values) {
  auto list = Napi::Array::New(env, values.size());
  for (uint32_t index = 0; index < values.size(); index++) list.Set(index, values[index]);
  return list;
}

Napi::Object ToObject(Napi::Env env, const CapturedOnCpu& captured) {
  const CaptureCounts& counts = captured.counts;
  const std::pair<const char*, uint64_t> fields[] = {{"cpu", captured.cpu},
                                                     {"runs", counts.runs},
                                                     {"kept", counts.kept},
                                                     {"filtered", counts.filtered},
                                                     {"sampledOut", counts.sampled_out},
                                                     {"ringFull", counts.ring_full},
                                                     {"contended", counts.contended},
                                                     {"failed", counts.failed},
                                                     {"stackFaults", counts.stack_faults},
                                                     {"timed", counts.timed},
                                                     {"timedNs", counts.timed_ns}};
  auto object = Napi::Object::New(env);
  for (const auto& [name, value] : fields) object.Set(name, static_cast<double>(value));
  return object;
}

std::vector<FilterRule> ToRules(const Napi::Array& list) {
  std::vector<FilterRule> rules;
  for (uint32_t index = 0; index < list.Length(); index++) {
    const OptionsReader reader(list.Get(index).As<Napi::Object>());
    rules.push_back({.kind = static_cast<MatchKind>(reader.Number("kind", 6)),
                     .action = static_cast<FilterAction>(reader.Number("action", 2)),
                     .value = reader.BigInt("value"),
                     .text = reader.Text("text"),
                     .one_in = static_cast<uint32_t>(reader.Number("oneIn", UINT32_MAX))});
  }
  return rules;
}

CgroupHierarchy ToHierarchy(const OptionsReader& reader) {
  return {.controller = reader.Text("controller"),
          .mount = reader.Text("mount"),
          .root = reader.Text("root")};
}

SamplerOptions ToOptions(Napi::Env env, const OptionsReader& reader) {
  SamplerOptions options;
  const Napi::Array sessions = reader.Array("sessions");
  for (uint32_t index = 0; index < sessions.Length(); index++) {
    options.sessions.push_back(ToSession(OptionsReader(sessions.Get(index).As<Napi::Object>())));
    const SessionOptions& session = options.sessions.back();
    const bool is_counted = session.leader && session.leader_sampling;
    if (!is_counted && (session.frequency == 0) == (session.period == 0)) {
      throw Napi::TypeError::New(env, session.name + ": expected either frequency or period");
    }
  }
  for (size_t place = 0; place < options.sessions.size(); place++) {
    const auto& leader = options.sessions[place].leader;
    if (leader && *leader >= place) throw Napi::TypeError::New(env, "leader: expected one before");
  }
  if (options.sessions.empty()) throw Napi::TypeError::New(env, "sessions: expected at least one");
  options.target = ToTarget(env, reader.Object("target"));
  options.ring_bytes = reader.Number("ringBytes");
  options.max_samples_per_window = reader.Number("maxSamplesPerWindow", UINT32_MAX - 1);
  options.max_stack_bytes_per_window = reader.Number("maxStackBytesPerWindow");
  if (reader.Has("namesJavaScript")) {
    options.names_javascript = reader.Boolean("namesJavaScript");
  }
  if (reader.Has("backEnd") && reader.Text("backEnd") == "bpf") options.back_end = BackEnd::kBpf;
  if (reader.Has("filter")) options.filter = {ToRules(reader.Array("filter"))};
  if (reader.Has("cgroups")) options.cgroups = ToHierarchy(reader.Object("cgroups"));
  if (reader.Has("durationMs")) options.duration = reader.Number("durationMs") * 1'000'000;
  return options;
}

/// A closeWindow under way: carries its outcome from the closing thread to JavaScript's, which settles the promise.
class Closing {
 public:
  static Napi::Promise Start(Napi::Env env, Sampler& sampler) {
    auto closing = std::make_shared<Closing>(env);
    const Napi::Promise promise = closing->deferred_.Promise();
    const Status started = sampler.CloseWindow(
        [closing](Result<size_t> outcome) { Closing::Deliver(closing, std::move(outcome)); });
    if (!started) Deliver(closing, started.error());
    return promise;
  }

  explicit Closing(Napi::Env env)
      : deferred_(Napi::Promise::Deferred::New(env)),
        settle_(Napi::ThreadSafeFunction::New(env, Napi::Function(), "sonde.closeWindow", 0, 1)) {}

 private:
  static void Deliver(const std::shared_ptr<Closing>& closing, Result<size_t> outcome) {
    // Napi::Promise::Deferred belongs to JavaScript's thread: only the call below touches it, and it goes there.
    auto settle = [closing, outcome = std::move(outcome)](Napi::Env env, Napi::Function) {
      if (outcome) {
        closing->deferred_.Resolve(Napi::Number::New(env, static_cast<double>(*outcome)));
      } else {
        closing->deferred_.Reject(ToNativeError(env, outcome.error()).Value());
      }
    };
    // Refused only when the environment is going away, and then nobody waits.
    (void)closing->settle_.NonBlockingCall(settle);
    closing->settle_.Release();
  }

  Napi::Promise::Deferred deferred_;
  Napi::ThreadSafeFunction settle_;
};

/// NativeSampler. The threads end with close(), or with the object.
class SamplerObject : public Napi::ObjectWrap<SamplerObject> {
 public:
  static Napi::Function Class(Napi::Env env) {
    return DefineClass(env, "Sampler",
                       {InstanceMethod("start", &SamplerObject::Start),
                        InstanceMethod("pause", &SamplerObject::Pause),
                        InstanceMethod("resume", &SamplerObject::Resume),
                        InstanceMethod("closeWindow", &SamplerObject::CloseWindow),
                        InstanceMethod("take", &SamplerObject::Take),
                        InstanceMethod("stats", &SamplerObject::Stats),
                        InstanceMethod("setFilter", &SamplerObject::SetFilter),
                        InstanceMethod("filterProblem", &SamplerObject::FilterProblem),
                        InstanceMethod("cpus", &SamplerObject::Cpus),
                        InstanceMethod("cgroups", &SamplerObject::Cgroups),
                        InstanceMethod("keepFrom", &SamplerObject::KeepFrom),
                        InstanceMethod("keepUntil", &SamplerObject::KeepUntil),
                        InstanceMethod("targetGone", &SamplerObject::TargetGone),
                        InstanceMethod("disable", &SamplerObject::Disable),
                        InstanceMethod("close", &SamplerObject::Close)});
  }

  explicit SamplerObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<SamplerObject>(info) {
    SamplerOptions options = ToOptions(info.Env(), OptionsReader(info[0].As<Napi::Object>()));
    for (const SessionOptions& session : options.sessions) ids_.push_back(session.id);
    sampler_ = ValueOrThrow(info.Env(), Sampler::Open(std::move(options)));
  }

 private:
  Sampler& Open(Napi::Env env) const {
    if (sampler_ == nullptr) {
      throw ToNativeError(env, Error{EBADF, "the sampler is closed"});
    }
    return *sampler_;
  }

  void Start(const Napi::CallbackInfo& info) {
    const bool paused = info[0].IsBoolean() && info[0].As<Napi::Boolean>().Value();
    const StartState state = paused ? StartState::kPaused : StartState::kSampling;
    ValueOrThrow(info.Env(), Open(info.Env()).Start(state));
  }

  void Pause(const Napi::CallbackInfo& info) { Open(info.Env()).Pause(); }

  void Resume(const Napi::CallbackInfo& info) {
    ValueOrThrow(info.Env(), Open(info.Env()).Resume());
  }

  Napi::Value CloseWindow(const Napi::CallbackInfo& info) {
    return Closing::Start(info.Env(), Open(info.Env()));
  }

  void Take(const Napi::CallbackInfo& info) {
    if (!info[0].IsTypedArray()) {
      throw Napi::TypeError::New(info.Env(), "take: expected a Uint8Array");
    }
    auto target = info[0].As<Napi::Uint8Array>();
    std::span<std::byte> into(reinterpret_cast<std::byte*>(target.Data()), target.ByteLength());
    ValueOrThrow(info.Env(), Open(info.Env()).Take(into));
  }

  Napi::Value Stats(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    // After close() the last figures stay.
    if (sampler_ != nullptr) totals_ = sampler_->Totals();
    auto list = Napi::Array::New(env, totals_.size());
    for (uint32_t index = 0; index < totals_.size(); index++) {
      const SessionTotals& totals = totals_[index];
      auto object = Napi::Object::New(env);
      object.Set("id", ids_[index]);
      object.Set("taken", static_cast<double>(totals.taken));
      object.Set("losses", CountsOf(env, totals.losses));
      object.Set("leftOut", CountsOf(env, totals.left_out));
      object.Set("captured", CapturedOf(env, index));
      object.Set("firstSampleTime", Napi::BigInt::New(env, totals.first_sample_time));
      list.Set(index, object);
    }
    return list;
  }

  Napi::Array CapturedOf(Napi::Env env, uint32_t session) const {
    const auto captured =
        sampler_ == nullptr ? std::vector<CapturedOnCpu>{} : sampler_->Captured(session);
    auto list = Napi::Array::New(env, captured.size());
    for (uint32_t index = 0; index < captured.size(); index++) {
      list.Set(index, ToObject(env, captured[index]));
    }
    return list;
  }

  void SetFilter(const Napi::CallbackInfo& info) {
    SampleFilter filter{ToRules(info[0].As<Napi::Array>())};
    ValueOrThrow(info.Env(), Open(info.Env()).SetFilter(std::move(filter)));
  }

  Napi::Value FilterProblem(const Napi::CallbackInfo& info) {
    return Napi::String::New(info.Env(), sampler_ == nullptr ? "" : sampler_->FilterProblem());
  }

  Napi::Value Cgroups(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const CgroupsSampled cgroups = sampler_ == nullptr ? CgroupsSampled{} : sampler_->Cgroups();
    auto object = Napi::Object::New(env);
    object.Set("byKernel", cgroups.by_kernel);
    object.Set("refused", cgroups.refused);
    object.Set("missing", cgroups.missing ? ListOf(env, *cgroups.missing) : env.Null());
    return object;
  }

  Napi::Value Cpus(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const SampledCpus cpus = sampler_ == nullptr ? SampledCpus{} : sampler_->Cpus();
    auto object = Napi::Object::New(env);
    object.Set("sampled", ListOf(env, cpus.sampled));
    object.Set("problems", ListOf(env, cpus.problems));
    return object;
  }

  void KeepFrom(const Napi::CallbackInfo& info) {
    ValueOrThrow(info.Env(), Open(info.Env()).KeepFrom(TimeIn(info)));
  }

  Napi::Value KeepUntil(const Napi::CallbackInfo& info) {
    const uint64_t until = ValueOrThrow(info.Env(), Open(info.Env()).KeepUntil(TimeIn(info)));
    return Napi::BigInt::New(info.Env(), until);
  }

  static uint64_t TimeIn(const Napi::CallbackInfo& info) {
    if (!info[0].IsBigInt()) throw Napi::TypeError::New(info.Env(), "expected a time: a bigint");
    bool lossless = false;
    return info[0].As<Napi::BigInt>().Uint64Value(&lossless);
  }

  Napi::Value TargetGone(const Napi::CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(), sampler_ != nullptr && sampler_->TargetGone());
  }

  void Disable(const Napi::CallbackInfo&) {
    if (sampler_ != nullptr) sampler_->Disable();
  }

  void Close(const Napi::CallbackInfo&) {
    if (sampler_ == nullptr) return;
    sampler_->Close();
    totals_ = sampler_->Totals();
    sampler_.reset();
  }

  std::unique_ptr<Sampler> sampler_;
  std::vector<uint32_t> ids_;
  std::vector<SessionTotals> totals_;
};

}  // namespace

void RegisterSampler(Napi::Env env, Napi::Object exports) {
  auto constructor = Napi::Persistent(SamplerObject::Class(env));
  auto open = [constructor = std::make_shared<Napi::FunctionReference>(std::move(constructor))](
                  const Napi::CallbackInfo& info) -> Napi::Value {
    return constructor->New({info[0]});
  };
  exports.Set("openSampler", Napi::Function::New(env, open, "openSampler"));
}

}  // namespace sonde
