#include "core/perf/cpu_watch.h"

#include <linux/netlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

namespace sonde {
namespace {

constexpr uint64_t kLookEvery = 1'000'000'000;
/// The kernel's own messages, not those that udev passes on.
constexpr uint32_t kKernelGroup = 1;
constexpr size_t kMaxUevent = 8 << 10;

UniqueFd OpenUevents() {
  UniqueFd fd(
      socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT));
  if (!fd) return fd;
  sockaddr_nl address = {};
  address.nl_family = AF_NETLINK;
  address.nl_groups = kKernelGroup;
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) fd.Reset();
  return fd;
}

}  // namespace

bool IsCpuChange(std::string_view uevent) {
  const std::string_view head = uevent.substr(0, uevent.find('\0'));
  const bool changes = head.starts_with("online@") || head.starts_with("offline@");
  return changes && head.find("/devices/system/cpu/cpu") != std::string_view::npos;
}

CpuWatch::CpuWatch(std::string list) : list_(std::move(list)), uevents_(OpenUevents()) {}

std::optional<CpuWatch::Look> CpuWatch::LookAt(uint64_t now) {
  const bool heard = Hear();
  if (!heard && now < looked_at_ + kLookEvery) return std::nullopt;
  looked_at_ = now;
  auto online = ReadCpuList(list_);
  if (!online) return std::nullopt;
  return Look{.online = std::move(*online), .heard = heard};
}

bool CpuWatch::Hear() const {
  if (!uevents_) return false;
  bool heard = false;
  std::array<char, kMaxUevent> text;
  while (true) {
    sockaddr_nl sender = {};
    socklen_t length = sizeof(sender);
    const ssize_t bytes = recvfrom(uevents_.get(), text.data(), text.size(), 0,
                                   reinterpret_cast<sockaddr*>(&sender), &length);
    // More came than could be kept: anything may have happened.
    if (bytes < 0 && errno == ENOBUFS) {
      heard = true;
      continue;
    }
    if (bytes <= 0) return heard;
    // Only the kernel has the number 0.
    if (sender.nl_pid != 0) continue;
    heard = heard || IsCpuChange({text.data(), static_cast<size_t>(bytes)});
  }
}

}  // namespace sonde
