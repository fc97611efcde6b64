#pragma once

#include <napi.h>

#include <functional>
#include <optional>
#include <utility>

namespace sonde {

/// Runs `work` on a thread of libuv's pool; what `convert` makes of its value, on JavaScript's thread, settles the promise.
/// Both, and what they hold, are released on JavaScript's thread.
template <typename Value>
class PoolCall : public Napi::AsyncWorker {
 public:
  using Work = std::function<Value()>;
  /// May throw a Napi::Error: the promise is then rejected with it.
  using Convert = std::function<Napi::Value(Napi::Env, Value&)>;

  /// `name`: of the call, for those who watch Node's asynchronous work.
  static Napi::Promise Start(Napi::Env env, const char* name, Work work, Convert convert) {
    auto* call = new PoolCall(env, name, std::move(work), std::move(convert));
    const auto promise = call->deferred_.Promise();
    call->Queue();  // deletes itself when it has settled
    return promise;
  }

 protected:
  void Execute() override { value_.emplace(work_()); }
  void OnOK() override {
    try {
      deferred_.Resolve(convert_(Env(), *value_));
    } catch (const Napi::Error& error) {
      deferred_.Reject(error.Value());
    }
  }
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  PoolCall(Napi::Env env, const char* name, Work work, Convert convert)
      : Napi::AsyncWorker(env, name),
        deferred_(Napi::Promise::Deferred::New(env)),
        work_(std::move(work)),
        convert_(std::move(convert)) {}

  Napi::Promise::Deferred deferred_;
  Work work_;
  Convert convert_;
  std::optional<Value> value_;
};

}  // namespace sonde
