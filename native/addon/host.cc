// kernelFacts, clock, tryLock: small questions to the machine that Node cannot ask.
#include <napi.h>
#include <sys/file.h>

#include "addon/native_error.h"
#include "addon/registry.h"
#include "core/base/clock.h"
#include "core/base/hexadecimal.h"
#include "core/symbols/running_kernel.h"

namespace sonde {
namespace {

Napi::Value ToKernelFacts(const Napi::CallbackInfo& info) {
  const auto kernel = RunningKernel::Read();
  auto object = Napi::Object::New(info.Env());
  object.Set("text", Napi::BigInt::New(info.Env(), kernel.text));
  object.Set("textEnd", Napi::BigInt::New(info.Env(), kernel.text_end));
  object.Set("buildId", Hexadecimal(kernel.build_id));
  return object;
}

Napi::Value ReadClock(const Napi::CallbackInfo& info) {
  auto object = Napi::Object::New(info.Env());
  object.Set("unixOffset", Napi::BigInt::New(info.Env(), UnixOffset()));
  object.Set("monotonic", Napi::BigInt::New(info.Env(), MonotonicNow()));
  return object;
}

Napi::Value ClockOffset(const Napi::CallbackInfo& info) {
  if (!info[0].IsNumber()) throw Napi::TypeError::New(info.Env(), "clockOffset: expected a clock");
  const uint64_t before = MonotonicNow();
  const uint64_t time = ClockNow(info[0].As<Napi::Number>().Int32Value());
  const uint64_t between = before + (MonotonicNow() - before) / 2;
  return Napi::BigInt::New(info.Env(), static_cast<int64_t>(time - between));
}

Napi::Value TryLock(const Napi::CallbackInfo& info) {
  if (!info[0].IsNumber()) {
    throw Napi::TypeError::New(info.Env(), "tryLock: expected a descriptor");
  }
  const bool locked = flock(info[0].As<Napi::Number>().Int32Value(), LOCK_EX | LOCK_NB) == 0;
  if (!locked && errno != EWOULDBLOCK) throw ToNativeError(info.Env(), SystemError("flock"));
  return Napi::Boolean::New(info.Env(), locked);
}

}  // namespace

void RegisterHost(Napi::Env env, Napi::Object exports) {
  exports.Set("kernelFacts", Napi::Function::New(env, ToKernelFacts, "kernelFacts"));
  exports.Set("clock", Napi::Function::New(env, ReadClock, "clock"));
  exports.Set("clockOffset", Napi::Function::New(env, ClockOffset, "clockOffset"));
  exports.Set("tryLock", Napi::Function::New(env, TryLock, "tryLock"));
}

}  // namespace sonde
