#pragma once

#include <napi.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace sonde {

/// Reads the fields of an options object. A field of another kind than the contract says is a TypeError that names it.
class OptionsReader {
 public:
  explicit OptionsReader(Napi::Object object) : object_(object) {}

  bool Has(const char* field) const { return !object_.Get(field).IsUndefined(); }

  /// A whole number up to `max`.
  uint64_t Number(const char* field, double max = 9007199254740991.0) const {
    return NumberOf(object_.Get(field), field, max);
  }

  /// What is absent is false, or 0.
  bool Flag(const char* field) const { return Has(field) && Boolean(field); }
  uint64_t NumberOrZero(const char* field, double max) const {
    return Has(field) ? Number(field, max) : 0;
  }
  uint64_t BigIntOrZero(const char* field) const { return Has(field) ? BigInt(field) : 0; }

  uint64_t BigInt(const char* field) const {
    const Napi::Value value = object_.Get(field);
    bool lossless = false;
    const uint64_t number = value.IsBigInt() ? value.As<Napi::BigInt>().Uint64Value(&lossless) : 0;
    if (!lossless) Refuse(field, "a bigint of 64 bits");
    return number;
  }

  bool Boolean(const char* field) const {
    const Napi::Value value = object_.Get(field);
    if (!value.IsBoolean()) Refuse(field, "a boolean");
    return value.As<Napi::Boolean>();
  }

  std::string Text(const char* field) const {
    const Napi::Value value = object_.Get(field);
    if (!value.IsString()) Refuse(field, "a string");
    return value.As<Napi::String>();
  }

  Napi::Array Array(const char* field) const {
    const Napi::Value value = object_.Get(field);
    if (!value.IsArray()) Refuse(field, "an array");
    return value.As<Napi::Array>();
  }

  /// The bytes of a Uint8Array, and the words of a BigUint64Array, where JavaScript has them.
  std::span<const std::byte> Bytes(const char* field) const {
    const auto view = View(field, napi_uint8_array, "a Uint8Array").As<Napi::Uint8Array>();
    return std::as_bytes(std::span<const uint8_t>(view.Data(), view.ElementLength()));
  }
  std::span<const uint64_t> Words(const char* field) const {
    const auto view = View(field, napi_biguint64_array, "a BigUint64Array");
    const auto words = view.As<Napi::BigUint64Array>();
    return {words.Data(), words.ElementLength()};
  }

  OptionsReader Object(const char* field) const {
    const Napi::Value value = object_.Get(field);
    if (!value.IsObject()) Refuse(field, "an object");
    return OptionsReader(value.As<Napi::Object>());
  }

  /// Process, thread and CPU numbers.
  std::vector<int> Integers(const char* field) const {
    const Napi::Array array = Array(field);
    std::vector<int> numbers;
    for (uint32_t index = 0; index < array.Length(); index++) {
      numbers.push_back(static_cast<int>(NumberOf(array.Get(index), field, INT32_MAX)));
    }
    return numbers;
  }

 private:
  Napi::TypedArray View(const char* field, napi_typedarray_type type, const char* expected) const {
    const Napi::Value value = object_.Get(field);
    if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type) {
      Refuse(field, expected);
    }
    return value.As<Napi::TypedArray>();
  }

  uint64_t NumberOf(const Napi::Value& value, const char* field, double max) const {
    const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
    if (!(number >= 0 && number <= max && std::floor(number) == number)) {
      Refuse(field, "a whole number");
    }
    return static_cast<uint64_t>(number);
  }

  [[noreturn]] void Refuse(const char* field, const char* expected) const {
    throw Napi::TypeError::New(object_.Env(), std::string(field) + ": expected " + expected);
  }

  Napi::Object object_;
};

}  // namespace sonde
