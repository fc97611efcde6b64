#include "core/symbols/naming.h"

#include <system_error>

#include "core/symbols/printable_text.h"

namespace sonde {

NameResult NameResult::None(size_t count, std::string problem) {
  NameResult result;
  result.name.resize(count);
  result.offset.resize(count);
  result.problem = std::move(problem);
  return result;
}

void NameResult::AddNote(const std::string& text) {
  if (!note.empty()) note += "; ";
  note += PrintableText(text);
}

uint32_t NameResult::Add(const std::string& system_name, const std::string& function) {
  system_names.push_back(PrintableText(system_name));
  functions.push_back(PrintableText(function));
  return static_cast<uint32_t>(functions.size());
}

std::string Explain(const Error& error) {
  switch (error.code) {
    // These are ours: the text says it all.
    case 0:
    case E2BIG:
    case EINVAL:
    case ENOEXEC:
    case ENOSYS:
    case ESTALE:
      return PrintableText(error.what);
    default:
      return PrintableText(error.what) + ": " + std::generic_category().message(error.code);
  }
}

}  // namespace sonde
