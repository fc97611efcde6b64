#pragma once

#include <napi.h>

#include <cmath>
#include <cstdint>
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
