#include "core/symbols/kallsyms.h"

#include <fcntl.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

#include "core/base/unique_fd.h"

namespace sonde {
namespace {

constexpr size_t kBlockBytes = 64 << 10;

std::optional<KallsymsLine> ParseKallsymsLine(std::string_view line) {
  KallsymsLine parsed = {};
  const char* const end = line.data() + line.size();
  const auto address = std::from_chars(line.data(), end, parsed.avma, 16);
  // `address type name`, one space between them.
  if (address.ec != std::errc() || end - address.ptr < 4 || address.ptr[0] != ' ' ||
      address.ptr[2] != ' ') {
    return std::nullopt;
  }
  parsed.type = address.ptr[1];
  const std::string_view rest(address.ptr + 3, static_cast<size_t>(end - address.ptr - 3));
  const size_t name_end = std::min(rest.find_first_of("\t "), rest.size());
  parsed.name = rest.substr(0, name_end);
  const size_t open = rest.find('[', name_end);
  const size_t close = rest.find(']', name_end);
  if (open < close && close != std::string_view::npos) {
    parsed.module = rest.substr(open + 1, close - open - 1);
  }
  return parsed;
}

}  // namespace

Status ReadKallsyms(const std::string& path,
                    const std::function<bool(const KallsymsLine&)>& visit) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return SystemError("open(" + path + ")");
  std::vector<char> block(kBlockBytes);
  size_t filled = 0;
  for (;;) {
    // A line longer than the block is none of the kernel's.
    if (filled == block.size()) filled = 0;
    const ssize_t count = read(fd.get(), block.data() + filled, block.size() - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return SystemError("read(" + path + ")");
    if (count == 0) return Ok();
    filled += static_cast<size_t>(count);
    std::string_view rest(block.data(), filled);
    for (size_t end; (end = rest.find('\n')) != std::string_view::npos;) {
      const auto line = ParseKallsymsLine(rest.substr(0, end));
      if (line && !visit(*line)) return Ok();
      rest.remove_prefix(end + 1);
    }
    std::copy(rest.begin(), rest.end(), block.begin());
    filled = rest.size();
  }
}

}  // namespace sonde
