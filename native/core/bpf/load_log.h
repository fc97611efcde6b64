#pragma once

#include <string>

namespace sonde {

/// Collects what libbpf says on this thread while one lives: the reasons of a failure, and the verifier's log. One at a
/// time on a thread.
class LoadLog {
 public:
  LoadLog();
  ~LoadLog();
  LoadLog(const LoadLog&) = delete;
  LoadLog& operator=(const LoadLog&) = delete;

  /// Its end, where it is long.
  std::string Text() const;
  /// The line that says most: the verifier's last word, else libbpf's first complaint.
  std::string Reason() const;
};

}  // namespace sonde
