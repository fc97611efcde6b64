#pragma once

#include <napi.h>

#include "core/base/result.h"

namespace sonde {

/// NativeError of src/native/binding.ts: what was tried, and the errno with its name.
Napi::Error ToNativeError(Napi::Env env, const Error& error);

/// The value, or a thrown NativeError.
template <typename Value>
Value ValueOrThrow(Napi::Env env, Result<Value> result) {
  if (!result) throw ToNativeError(env, result.error());
  return std::move(*result);
}

}  // namespace sonde
