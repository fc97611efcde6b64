// encodeSamples: the hot part of a perf.data file, beside the event loop.
#include "core/perf_data/sample_records.h"

#include <napi.h>

#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "addon/native_error.h"
#include "addon/options_reader.h"
#include "addon/pool_call.h"
#include "addon/registry.h"

namespace sonde {
namespace {

using Records = Result<std::vector<std::byte>>;

std::optional<uint16_t> TracepointOf(const OptionsReader& reader) {
  if (!reader.Has("tracepoint")) return std::nullopt;
  return static_cast<uint16_t>(reader.Number("tracepoint", UINT16_MAX));
}

std::vector<SampleSession> ToSessions(const Napi::Array& list) {
  std::vector<SampleSession> sessions;
  for (uint32_t index = 0; index < list.Length(); index++) {
    const Napi::Value session = list.Get(index);
    if (!session.IsObject()) throw Napi::TypeError::New(list.Env(), "sessions: expected objects");
    const OptionsReader reader(session.As<Napi::Object>());
    sessions.push_back({.session = static_cast<uint32_t>(reader.Number("session", UINT32_MAX - 1)),
                        .event_id = reader.BigInt("eventId"),
                        .tells_cgroups = reader.Boolean("tellsCgroups"),
                        .tracepoint = TracepointOf(reader)});
  }
  return sessions;
}

/// The bytes themselves, not a copy.
Napi::Value ToBytes(Napi::Env env, std::vector<std::byte> bytes) {
  if (bytes.empty())
    return Napi::Uint8Array::New(env, 0);  // no memory: Node.js makes a detached buffer of that
  auto* const kept = new std::vector<std::byte>(std::move(bytes));
  auto release = [](Napi::Env, void*, std::vector<std::byte>* memory) { delete memory; };
  auto buffer = Napi::ArrayBuffer::New(env, kept->data(), kept->size(), release, kept);
  return Napi::Uint8Array::New(env, buffer.ByteLength(), buffer, 0);
}

Napi::Value EncodeSamples(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsTypedArray() || !info[1].IsArray()) {
    throw Napi::TypeError::New(env, "encodeSamples: expected a Uint8Array and an array");
  }
  const auto view = info[0].As<Napi::Uint8Array>();
  const std::span<const std::byte> window(reinterpret_cast<const std::byte*>(view.Data()),
                                          view.ByteLength());
  auto kept = std::make_shared<Napi::ObjectReference>(Napi::Persistent(view.As<Napi::Object>()));
  return PoolCall<Records>::Start(
      env, "sonde.encodeSamples",
      [window, kept, sessions = ToSessions(info[1].As<Napi::Array>())] {
        return SampleRecords(window, sessions);
      },
      [](Napi::Env env, Records& records) {
        return ToBytes(env, ValueOrThrow(env, std::move(records)));
      });
}

}  // namespace

void RegisterSampleRecords(Napi::Env env, Napi::Object exports) {
  exports.Set("encodeSamples", Napi::Function::New(env, EncodeSamples, "encodeSamples"));
}

}  // namespace sonde
