#include "core/symbols/demangle.h"

#include <algorithm>
#include <csetjmp>
#include <cstddef>

#include "core/symbols/rust_legacy.h"
#include "core/symbols/rust_v0.h"

// libsupc++.a's; the shared library keeps it to itself. Unlike abi::__cxa_demangle it allocates nothing and hands the
// text over in pieces, so that it can be stopped.
extern "C" int __gcclibcxx_demangle_callback(const char* mangled,
                                             void (*callback)(const char*, size_t, void*),
                                             void* opaque);

namespace sonde {
namespace {

// The longest name of 108,000 in the node binary has 790 letters.
constexpr size_t kMaxMangledBytes = 4096;
constexpr size_t kMaxDemangledBytes = 8192;
// A name with r references back can make the demangler visit 3^(r/3) nodes before it says a word; 40 of them stay below
// 0.1 s. In the node binary 99.99 % of the names have at most 40.
constexpr std::ptrdiff_t kMaxReferences = 40;

/// References look like S_, S1_, T_, T0_: their number is at most that of the underscores behind S, T or a digit or
/// capital. Letters of identifiers may be counted too; that errs on the safe side.
std::ptrdiff_t CountReferences(std::string_view mangled) {
  std::ptrdiff_t count = 0;
  for (size_t i = 0; i < mangled.size(); i++) {
    if (mangled[i] != 'S' && mangled[i] != 'T') continue;
    size_t end = i + 1;
    while (end < mangled.size() && ((mangled[end] >= '0' && mangled[end] <= '9') ||
                                    (mangled[end] >= 'A' && mangled[end] <= 'Z'))) {
      end++;
    }
    if (end < mangled.size() && mangled[end] == '_') count++;
  }
  return count;
}

struct Output {
  std::string text;
  std::jmp_buf too_long;
};

void Collect(const char* piece, size_t size, void* opaque) {
  auto* output = static_cast<Output*>(opaque);
  // The frames between here and setjmp are C without anything to release.
  if (output->text.size() + size > kMaxDemangledBytes) std::longjmp(output->too_long, 1);
  output->text.append(piece, size);
}

constexpr std::string_view kStub = "@plt";

/// Empty where it is no C++ name or not one to read out.
std::string DemangleCpp(const std::string& mangled) {
  if (!mangled.starts_with("_Z") || mangled.size() > kMaxMangledBytes) return {};
  if (CountReferences(mangled) > kMaxReferences) return {};
  Output output;
  output.text.reserve(kMaxDemangledBytes);
  if (setjmp(output.too_long) != 0) return {};
  if (__gcclibcxx_demangle_callback(mangled.c_str(), Collect, &output) != 0) return {};
  output.text.shrink_to_fit();
  return std::move(output.text);
}

std::string DemangleFunction(std::string_view name) {
  const std::string plain(name.substr(0, std::min(name.find('@', 1), name.size())));
  if (auto rust = DemangleRustLegacy(plain)) return *std::move(rust);
  if (auto rust = DemangleRustV0(plain)) return *std::move(rust);
  std::string cpp = DemangleCpp(plain);
  return cpp.empty() ? plain : cpp;
}

}  // namespace

std::string Demangle(std::string_view name) {
  if (!name.ends_with(kStub)) return DemangleFunction(name);
  // A stub is not the function that it calls.
  name.remove_suffix(kStub.size());
  return DemangleFunction(name).append(kStub);
}

}  // namespace sonde
