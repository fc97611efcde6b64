#include "addon/name_request.h"

#include <algorithm>
#include <charconv>

namespace sonde {
namespace {

NameRequest ToRequest(const Napi::Object& object) {
  NameRequest request;
  request.kind = static_cast<NameRequest::Kind>(object.Get("kind").ToNumber().Uint32Value());
  request.space =
      static_cast<NameRequest::Space>(object.Get("addressSpace").ToNumber().Uint32Value());
  request.path = object.Get("path").ToString();
  request.identity = {ToUint64(object.Get("device")), ToUint64(object.Get("inode")),
                      FromHex(object.Get("buildId").ToString()),
                      FromHex(object.Get("contentHash").ToString())};
  const auto pids = object.Get("pids").As<Napi::Array>();
  for (uint32_t i = 0; i < pids.Length(); i++) {
    request.pids.push_back(pids.Get(i).ToNumber().Int32Value());
  }
  request.addresses = ToAddresses(object.Get("addresses"));
  return request;
}

}  // namespace

std::vector<uint8_t> FromHex(const std::string& digits) {
  std::vector<uint8_t> bytes(digits.size() / 2);
  for (size_t i = 0; i < bytes.size(); i++) {
    const char* const pair = digits.data() + i * 2;
    if (std::from_chars(pair, pair + 2, bytes[i], 16).ec != std::errc()) return {};
  }
  return bytes;
}

std::vector<std::string> FromStrings(const Napi::Array& list) {
  std::vector<std::string> texts;
  for (uint32_t i = 0; i < list.Length(); i++) texts.push_back(list.Get(i).ToString());
  return texts;
}

Napi::Array ToStrings(Napi::Env env, const std::vector<std::string>& texts) {
  auto array = Napi::Array::New(env, texts.size());
  for (uint32_t i = 0; i < texts.size(); i++) array.Set(i, Napi::String::New(env, texts[i]));
  return array;
}

Napi::Uint32Array ToColumn(Napi::Env env, const std::vector<uint32_t>& values) {
  auto column = Napi::Uint32Array::New(env, values.size());
  std::copy(values.begin(), values.end(), column.Data());
  return column;
}

std::vector<uint64_t> ToAddresses(const Napi::Value& value) {
  const auto column = value.As<Napi::BigUint64Array>();
  return {column.Data(), column.Data() + column.ElementLength()};
}

uint64_t ToUint64(const Napi::Value& value) {
  bool lossless = false;
  return value.As<Napi::BigInt>().Uint64Value(&lossless);
}

std::vector<NameRequest> ToRequests(const Napi::Array& list) {
  std::vector<NameRequest> requests;
  for (uint32_t i = 0; i < list.Length(); i++) {
    requests.push_back(ToRequest(list.Get(i).As<Napi::Object>()));
  }
  return requests;
}

RecordedKernel ToRecordedKernel(const Napi::Object& object) {
  RecordedKernel kernel{.build_id = FromHex(object.Get("buildId").ToString()),
                        .release = object.Get("release").ToString(),
                        .text = ToUint64(object.Get("text")),
                        .text_end = ToUint64(object.Get("textEnd"))};
  const auto modules = object.Get("modules").As<Napi::Array>();
  for (uint32_t i = 0; i < modules.Length(); i++) {
    const auto module = modules.Get(i).As<Napi::Object>();
    kernel.modules.push_back({.name = module.Get("name").ToString(),
                              .path = module.Get("path").ToString(),
                              .start = ToUint64(module.Get("start")),
                              .size = ToUint64(module.Get("size")),
                              .build_id = FromHex(module.Get("buildId").ToString())});
  }
  return kernel;
}

SymbolOptions ToSymbolOptions(const Napi::Object& object) {
  SymbolOptions options;
  options.sources.clear();
  const auto sources = object.Get("sources").As<Napi::Array>();
  for (uint32_t i = 0; i < sources.Length(); i++) {
    const uint32_t code = sources.Get(i).ToNumber().Uint32Value() & 0xff;
    const auto source = static_cast<SymbolSource>(code);
    if (source >= SymbolSource::kSymtab && source <= SymbolSource::kPlt) {
      options.sources.push_back(source);
    }
  }
  options.debug_directories = FromStrings(object.Get("debugDirectories").As<Napi::Array>());
  const Napi::Value root = object.Get("recordedRoot");
  if (root.IsString()) options.recorded_root = root.ToString();
  const Napi::Value caches = object.Get("buildIdCaches");
  if (caches.IsArray()) options.build_id_caches = FromStrings(caches.As<Napi::Array>());
  return options;
}

}  // namespace sonde
