#include "core/bpf/load_log.h"

#include <bpf/libbpf.h>
#include <stdarg.h>
#include <stdio.h>

#include <array>
#include <mutex>
#include <string_view>

namespace sonde {
namespace {

constexpr size_t kMaxLogBytes = 64 << 10;

thread_local std::string* collecting = nullptr;

int Collect(libbpf_print_level level, const char* format, va_list arguments) {
  if (collecting == nullptr || level == LIBBPF_DEBUG) return 0;
  std::array<char, 4096> line;
  const int length = vsnprintf(line.data(), line.size(), format, arguments);
  if (length <= 0) return 0;
  collecting->append(line.data(), std::min<size_t>(static_cast<size_t>(length), line.size() - 1));
  if (collecting->size() > kMaxLogBytes) collecting->erase(0, collecting->size() - kMaxLogBytes);
  return length;
}

/// The last line before "processed N insns": what the verifier refused.
std::string_view VerifierReason(std::string_view log) {
  const size_t processed = log.rfind("\nprocessed ");
  if (processed == std::string_view::npos) return {};
  const size_t begin = log.rfind('\n', processed - 1);
  return log.substr(begin + 1, processed - begin - 1);
}

}  // namespace

LoadLog::LoadLog() {
  static std::once_flag once;
  std::call_once(once, [] { libbpf_set_print(Collect); });
  collecting = new std::string();
}

LoadLog::~LoadLog() {
  delete collecting;
  collecting = nullptr;
}

std::string LoadLog::Text() const { return *collecting; }

std::string LoadLog::Reason() const {
  const std::string_view log = *collecting;
  if (const auto refused = VerifierReason(log); !refused.empty()) return std::string(refused);
  return std::string(log.substr(0, log.find('\n')));
}

}  // namespace sonde
