#include "core/privileges/thread_capabilities.h"

#include <cerrno>
#include <charconv>

namespace sonde {
namespace {

int NarrowBoundingSet(CapabilityMask kept) {
  for (int capability = 0; capability < 64; capability++) {
    const int bound = prctl(PR_CAPBSET_READ, capability, 0, 0, 0);
    if (bound < 0) return 0;  // the kernel has no more
    if (bound == 0 || (kept & MaskOf(capability)) != 0) continue;
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) return errno;
  }
  return 0;
}

/// The value of a line `Field:\tvalue`, empty where there is none.
std::string_view FieldOf(std::string_view status, std::string_view field) {
  for (size_t at = 0; (at = status.find(field, at)) != std::string_view::npos; at += field.size()) {
    const bool begins_line = at == 0 || status[at - 1] == '\n';
    std::string_view rest = status.substr(at + field.size());
    if (!begins_line || !rest.starts_with(":\t")) continue;
    rest.remove_prefix(2);
    return rest.substr(0, rest.find('\n'));
  }
  return {};
}

CapabilityMask MaskIn(std::string_view status, std::string_view field) {
  const std::string_view digits = FieldOf(status, field);
  CapabilityMask mask = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), mask, 16);
  return mask;
}

}  // namespace

int GiveUp(const Surrender& surrender) {
  int error = NarrowBoundingSet(surrender.bounding);
  // EINVAL before Linux 4.3, which has no such set.
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  CapabilitySets left;
  if (surrender.own) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) error = errno;
  } else {
    const auto own = OwnCapabilities();
    if (!own) return errno;
    left = {.effective = own->effective, .permitted = own->permitted, .inheritable = 0};
  }
  return SetOwnCapabilities(left) ? error : errno;
}

ThreadCapabilities ThreadCapabilities::Parse(std::string_view status) {
  return {.sets = {.effective = MaskIn(status, "CapEff"),
                   .permitted = MaskIn(status, "CapPrm"),
                   .inheritable = MaskIn(status, "CapInh")},
          .ambient = MaskIn(status, "CapAmb"),
          .bounding = MaskIn(status, "CapBnd"),
          .no_new_privileges = FieldOf(status, "NoNewPrivs") == "1",
          .state = std::string(FieldOf(status, "State"))};
}

bool ThreadCapabilities::HasGivenUp(const Surrender& surrender) const {
  const bool own = sets.permitted != 0 || sets.effective != 0 || !no_new_privileges;
  return sets.inheritable == 0 && ambient == 0 && (bounding & ~surrender.bounding) == 0 &&
         !(surrender.own && own);
}

}  // namespace sonde
