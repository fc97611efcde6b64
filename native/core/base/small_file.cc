#include "core/base/small_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "core/base/unique_fd.h"

namespace sonde {

Result<std::string> ReadSmallFile(int at, const std::string& path, size_t max_bytes) {
  const UniqueFd fd(openat(at, path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return SystemError("open(" + path + ")");
  std::string text;
  size_t filled = 0;
  // These files have no size, so the text grows with what was read.
  while (filled < max_bytes) {
    text.resize(std::min(max_bytes, std::max<size_t>(4096, filled * 2)));
    const ssize_t bytes = read(fd.get(), text.data() + filled, text.size() - filled);
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes < 0) return SystemError("read(" + path + ")");
    if (bytes == 0) break;
    filled += static_cast<size_t>(bytes);
  }
  text.resize(filled);
  return text;
}

Result<std::string> ReadSmallFile(const std::string& path, size_t max_bytes) {
  return ReadSmallFile(AT_FDCWD, path, max_bytes);
}

}  // namespace sonde
