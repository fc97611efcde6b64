#include "core/symbols/file_task.h"

#include <algorithm>

#include "core/symbols/process_roots.h"
#include "core/symbols/process_status.h"

namespace sonde {
namespace {

/// Of processes that have ended, or may not be looked into. What they had is looked for in the agent's own root.
constexpr char kNobodys[] = "nobody's";

/// With a name that says nothing yet.
ExpendableThread::Task TaskFor(pid_t pid) {
  const auto status = ReadProcessStatus(pid);
  const std::string mounts = MountsOf(pid);
  if (!status || mounts.empty()) return {.name = {}, .owner = kNobodys, .user = kNobodys};
  const std::string user = std::to_string(status->real_uid);
  return {.name = {}, .owner = user + '/' + mounts, .user = user};
}

}  // namespace

ExpendableThread::Task FileTask(pid_t pid, const std::string& path, const FileIdentity& identity) {
  ExpendableThread::Task task = TaskFor(pid);
  // A path holds no zero byte: what follows it cannot be part of one.
  task.name = RootsOfProcesses({pid}).front() + '\0' + path + '\0' +
              std::to_string(identity.device) + ':' + std::to_string(identity.inode) + ':';
  task.name.append(identity.build_id.begin(), identity.build_id.end());
  return task;
}

ExpendableThread::Task FileTask(const NameRequest& request) {
  const auto living =
      std::ranges::find_if(request.pids, [](pid_t pid) { return bool{ReadProcessStatus(pid)}; });
  return FileTask(living == request.pids.end() ? 0 : *living, request.path, request.identity);
}

ExpendableThread::Task TaskOfProcess(pid_t pid, const std::string& name) {
  ExpendableThread::Task task = TaskFor(pid);
  task.name = name;
  return task;
}

}  // namespace sonde
