#include "addon/native_error.h"

#include <cstring>

namespace sonde {

Napi::Error ToNativeError(Napi::Env env, const Error& error) {
  const char* name = strerrorname_np(error.code);
  const std::string code = name == nullptr ? "UNKNOWN" : name;
  Napi::Error thrown = Napi::Error::New(env, error.what + ": " + strerror(error.code));
  thrown.Set("code", Napi::String::New(env, code));
  thrown.Set("errno", Napi::Number::New(env, error.code));
  thrown.Set("syscall", Napi::String::New(env, error.what));
  return thrown;
}

}  // namespace sonde
