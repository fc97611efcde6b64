// prepareCommand: NativeCommand of src/native/binding.ts.
#include "core/perf/command.h"

#include <napi.h>

#include <memory>
#include <optional>

#include "addon/native_error.h"
#include "addon/registry.h"
#include "core/base/native_thread.h"

namespace sonde {
namespace {

/// Waits for a process on a thread of its own, because that may take as long as the process likes; libuv's pool is for
/// short work.
Napi::Promise WaitOnThread(Napi::Env env, pid_t pid, std::function<void()> ended) {
  auto deferred = Napi::Promise::Deferred::New(env);
  auto settle = Napi::ThreadSafeFunction::New(env, Napi::Function(), "sonde.wait", 0, 1);
  StartThread("sonde-wait", [pid, deferred, settle, ended = std::move(ended)] {
    const auto outcome = Command::Wait(pid);
    (void)settle.NonBlockingCall([deferred, outcome, ended](Napi::Env env, Napi::Function) {
      ended();
      if (!outcome) return deferred.Reject(ToNativeError(env, outcome.error()).Value());
      auto result = Napi::Object::New(env);
      result.Set("status", outcome->status);
      result.Set("signal", outcome->signal);
      deferred.Resolve(result);
    });
    Napi::ThreadSafeFunction(settle).Release();
  }).detach();
  return deferred.Promise();
}

class CommandObject : public Napi::ObjectWrap<CommandObject> {
 public:
  static Napi::Function Class(Napi::Env env) {
    return DefineClass(env, "Command",
                       {InstanceAccessor("pid", &CommandObject::Pid, nullptr),
                        InstanceMethod("start", &CommandObject::Start),
                        InstanceMethod("wait", &CommandObject::Wait),
                        InstanceMethod("kill", &CommandObject::Kill)});
  }

  explicit CommandObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<CommandObject>(info) {
    if (!info[0].IsArray()) {
      throw Napi::TypeError::New(info.Env(), "prepareCommand: expected an array of strings");
    }
    const auto argv = info[0].As<Napi::Array>();
    std::vector<std::string> arguments;
    for (uint32_t index = 0; index < argv.Length(); index++) {
      arguments.push_back(argv.Get(index).ToString());
    }
    command_.emplace(ValueOrThrow(info.Env(), Command::Prepare(arguments)));
    pid_ = command_->pid();
  }

 private:
  Napi::Value Pid(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), pid_); }

  void Start(const Napi::CallbackInfo& info) { ValueOrThrow(info.Env(), command_->Start()); }

  Napi::Value Wait(const Napi::CallbackInfo& info) {
    if (waited_) {
      throw ToNativeError(info.Env(), Error{ECHILD, "wait: it has been waited for"});
    }
    waited_ = true;
    Ref();  // until it has ended, so that kill() knows
    return WaitOnThread(info.Env(), pid_, [this] {
      ended_ = true;
      Unref();
    });
  }

  void Kill(const Napi::CallbackInfo& info) {
    // Once it was waited for, its number may be another's.
    if (!ended_) command_->Kill(info[0].ToNumber().Int32Value());
  }

  std::optional<Command> command_;
  pid_t pid_ = -1;
  bool waited_ = false;
  bool ended_ = false;
};

}  // namespace

void RegisterCommand(Napi::Env env, Napi::Object exports) {
  auto commands =
      std::make_shared<Napi::FunctionReference>(Napi::Persistent(CommandObject::Class(env)));
  exports.Set("prepareCommand",
              Napi::Function::New(env, [commands](const Napi::CallbackInfo& info) -> Napi::Value {
                return commands->New({info[0]});
              }));
}

}  // namespace sonde
