#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/symbols/target_file.h"

namespace sonde {

/// Addresses of one image that are to be named.
struct NameRequest {
  /// In the order of their codes in the window buffer.
  enum class Kind : uint8_t { kFile, kVdso, kAnonymous, kUnknown };
  enum class Space : uint8_t { kSvma, kFileOffset, kAvma };

  Kind kind = Kind::kUnknown;
  std::string path;
  FileIdentity identity;
  std::vector<pid_t> pids;  ///< processes that map it
  Space space = Space::kSvma;
  std::vector<uint64_t> addresses;
};

/// What they are called.
struct NameResult {
  std::vector<std::string> system_names;  ///< distinct, as the symbol table has them
  std::vector<std::string> functions;     ///< the same, demangled
  std::vector<uint32_t> name;             ///< per address: 1 + index into the names, 0 where none
  std::vector<uint32_t> offset;           ///< per address: bytes from the function's start
  std::string problem;                    ///< why nothing could be looked up; empty when it could
  std::string note;  ///< why fewer have names than could have; empty where nothing is to be said
  /// Of what the names come from, for keys: equal only where nothing has changed. Empty where nothing could be opened.
  std::string identity;

  /// No names for `count` addresses.
  static NameResult None(size_t count, std::string problem);

  void AddNote(const std::string& note);

  /// Adds a function, as PrintableText. Returns what stands in `name` for it.
  uint32_t Add(const std::string& system_name, const std::string& function);
};

/// An error as a sentence for a person.
std::string Explain(const Error& error);

}  // namespace sonde
