#include "core/v8/function.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "core/symbols/printable_text.h"
#include "core/symbols/utf8.h"

namespace sonde {
namespace {

constexpr size_t kMaxNameCharacters = 512;
constexpr size_t kMaxFileCharacters = 4096;

// Offsets in a Script, alike in all releases.
constexpr uint64_t kScriptSource = 8;
constexpr uint64_t kScriptName = 16;
constexpr uint64_t kScriptLineOffset = 24;
constexpr uint64_t kScriptLineEnds = 56;
constexpr uint64_t kScriptSourceUrl = 112;

constexpr uint64_t kScopeFlags = 8;
constexpr uint64_t kScopeLocals = 24;
constexpr uint64_t kScopePosition = 32;
/// Names of so many locals and more stand in a table of their own.
constexpr int32_t kMaxInlinedNames = 75;
constexpr int32_t kMaxLocals = 1 << 16;

constexpr uint64_t kArrayLength = 8;
constexpr uint64_t kFirstElement = 16;

/// What a ScopeInfo says of its function.
struct Scope {
  V8Object name = 0;
  V8Object inferred_name = 0;
  /// Where its source begins; −1 where that is not said.
  int32_t position = -1;
};

/// `ScopeFlags`, as far as they say which parts follow.
struct ScopeFlags {
  uint32_t bits;

  bool IsModule(const V8Layout& layout) const { return (bits & 15) == layout.module_scope; }
  bool HasClassVariable() const { return (bits >> 10 & 1) != 0; }
  bool HasName() const { return (bits >> 12 & 3) != 0; }
  bool HasInferredName() const { return (bits >> 14 & 1) != 0; }
};

std::optional<ScopeFlags> FlagsOf(V8Heap& heap, V8Object scope) {
  const auto word = heap.Field(scope, kScopeFlags);
  if (!word) return std::nullopt;
  // A small integer until it became a plain number.
  if (heap.layout().scope_positions_first) return ScopeFlags{static_cast<uint32_t>(*word)};
  const auto flags = V8Heap::Integer(*word);
  if (!flags) return std::nullopt;
  return ScopeFlags{static_cast<uint32_t>(*flags)};
}

std::optional<int32_t> IntegerAt(V8Heap& heap, V8Object object, uint64_t offset) {
  const auto word = heap.Field(object, offset);
  return word ? V8Heap::Integer(*word) : std::nullopt;
}

std::optional<Scope> ReadScope(V8Heap& heap, V8Object object) {
  const auto flags = FlagsOf(heap, object);
  const auto locals = IntegerAt(heap, object, kScopeLocals);
  if (!flags || !locals || *locals < 0 || *locals > kMaxLocals) return std::nullopt;
  const int32_t names = *locals < kMaxInlinedNames ? *locals : 1;
  uint64_t at = heap.layout().scope_variable_part;
  at += 8 * (static_cast<uint64_t>(names) + static_cast<uint64_t>(*locals));
  if (flags->IsModule(heap.layout())) at += 8;
  if (flags->HasClassVariable()) at += 8;
  Scope scope;
  if (flags->HasName()) {
    scope.name = heap.Field(object, at).value_or(0);
    at += 16;
  }
  if (flags->HasInferredName()) {
    scope.inferred_name = heap.Field(object, at).value_or(0);
    at += 8;
  }
  const uint64_t position = heap.layout().scope_positions_first ? kScopePosition : at;
  scope.position = IntegerAt(heap, object, position).value_or(-1);
  return scope;
}

int HexDigit(char letter) {
  if (letter >= '0' && letter <= '9') return letter - '0';
  if (letter >= 'A' && letter <= 'F') return letter - 'A' + 10;
  if (letter >= 'a' && letter <= 'f') return letter - 'a' + 10;
  return -1;
}

/// The byte that `text` begins with the escape of.
std::optional<char> EscapedByte(std::string_view text) {
  if (text.size() < 3 || text[0] != '%') return std::nullopt;
  const int high = HexDigit(text[1]);
  const int low = HexDigit(text[2]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<char>(high * 16 + low);
}

/// Takes the escapes away that `text` begins with, and appends what they say. Those that are no characters of a path stay
/// as they are written.
void TakeEscapes(std::string_view& text, std::string& path) {
  std::string bytes;
  while (const auto byte = EscapedByte(text.substr(3 * bytes.size()))) bytes.push_back(*byte);
  for (std::string_view rest = bytes; !rest.empty();) {
    const size_t before = rest.size();
    const auto character = TakeUtf8(rest);
    if (!character) rest.remove_prefix(1);
    const size_t taken = before - rest.size();
    if (!character || !IsPrintable(*character)) {
      path += text.substr(0, 3 * taken);
    } else {
      AppendUtf8(*character, path);
    }
    text.remove_prefix(3 * taken);
  }
}

/// ES modules are named by URL, all else by path.
std::string PathOf(const std::string& name) {
  constexpr std::string_view kFile = "file://";
  if (!name.starts_with(kFile)) return name;
  std::string path;
  for (auto rest = std::string_view(name).substr(kFile.size()); !rest.empty();) {
    TakeEscapes(rest, path);
    if (rest.empty()) break;
    path.push_back(rest.front());
    rest.remove_prefix(1);
  }
  return path;
}

std::string FileOf(V8Heap& heap, V8Object script) {
  for (const uint64_t offset : {kScriptName, kScriptSourceUrl}) {
    const auto name = heap.Field(script, offset);
    if (!name || !heap.IsString(*name)) continue;
    const std::string text = heap.Text(*name, kMaxFileCharacters);
    if (!text.empty()) return PathOf(text);
  }
  return {};
}

/// Ends of lines before a position, by the array that V8 makes when it first needs it.
std::optional<uint32_t> LineEndsInArray(V8Heap& heap, V8Object ends, int32_t position) {
  const auto length = IntegerAt(heap, ends, kArrayLength);
  if (!length || *length <= 0) return std::nullopt;
  int32_t low = 0;
  int32_t high = *length;
  while (low < high) {
    const int32_t middle = low + (high - low) / 2;
    const auto end = IntegerAt(
        heap, ends, kFirstElement + 8 * static_cast<uint64_t>(static_cast<uint32_t>(middle)));
    if (!end) return std::nullopt;
    if (*end < position) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return static_cast<uint32_t>(low);
}

uint32_t LineOf(V8Heap& heap, V8Object script, int32_t position, V8Lines& lines) {
  if (position < 0) return 0;
  const auto ends = heap.Field(script, kScriptLineEnds);
  const auto source = heap.Field(script, kScriptSource);
  const auto offset = IntegerAt(heap, script, kScriptLineOffset);
  if (!ends || !source || !offset || *offset < 0) return 0;
  auto before = V8Heap::IsPointer(*ends) ? LineEndsInArray(heap, *ends, position) : std::nullopt;
  if (!before) before = lines.EndsBefore(heap, script, *source, static_cast<uint32_t>(position));
  return before ? *before + static_cast<uint32_t>(*offset) + 1 : 0;
}

}  // namespace

std::optional<V8Shared> ReadShared(V8Heap& heap, V8Object shared) {
  if (!heap.Is(shared, heap.layout().shared_type)) return std::nullopt;
  const auto name = heap.Field(shared, heap.layout().shared_name_or_scope_info);
  const auto script = heap.Field(shared, heap.layout().shared_script);
  if (!name || !script) return std::nullopt;
  return V8Shared{.name_or_scope_info = *name, .script = *script};
}

std::optional<V8Function> Describe(V8Heap& heap, const V8Shared& shared, V8Lines& lines) {
  if (!heap.Is(shared.name_or_scope_info, heap.layout().scope_info_type)) return std::nullopt;
  const auto scope = ReadScope(heap, shared.name_or_scope_info);
  if (!scope) return std::nullopt;
  V8Function function;
  function.name = heap.Text(scope->name, kMaxNameCharacters);
  if (function.name.empty()) function.name = heap.Text(scope->inferred_name, kMaxNameCharacters);
  if (function.name.empty()) function.name = "(anonymous)";
  if (!heap.Is(shared.script, heap.layout().script_type)) return function;
  function.file = FileOf(heap, shared.script);
  function.line = LineOf(heap, shared.script, scope->position, lines);
  return function;
}

}  // namespace sonde
