// Questions about the addresses of images, and columns of answers, between JavaScript and the core.
#pragma once

#include <napi.h>

#include <cstdint>
#include <string>
#include <vector>

#include "core/symbols/naming.h"
#include "core/symbols/recorded_kernel.h"
#include "core/symbols/symbol_options.h"

namespace sonde {

/// Of an array of NativeNameRequest (src/native/binding.ts).
std::vector<NameRequest> ToRequests(const Napi::Array& list);

/// Of a NativeRecordedKernel.
RecordedKernel ToRecordedKernel(const Napi::Object& object);

/// Of NativeSymbolSources.
SymbolOptions ToSymbolOptions(const Napi::Object& object);

/// Of a BigUint64Array.
std::vector<uint64_t> ToAddresses(const Napi::Value& value);
/// Of a bigint.
uint64_t ToUint64(const Napi::Value& value);
/// Of pairs of hexadecimal digits; empty where they are none.
std::vector<uint8_t> FromHex(const std::string& digits);
std::vector<std::string> FromStrings(const Napi::Array& list);

Napi::Array ToStrings(Napi::Env env, const std::vector<std::string>& texts);
Napi::Uint32Array ToColumn(Napi::Env env, const std::vector<uint32_t>& values);

}  // namespace sonde
