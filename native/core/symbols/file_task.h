#pragma once

#include <sys/types.h>

#include <string>

#include "core/symbols/expendable_thread.h"
#include "core/symbols/naming.h"

namespace sonde {

/// Work that a target may block, as an ExpendableThread is told of it: a path is another file in another mount namespace or
/// below another root, and so is one with another inode. What blocks counts against the process's mount namespace
/// together with its user (containers share users), and against the user alone, who may be able to make mount namespaces.
/// Asks procfs only, which no target can block. `pid`: 0 for none.
ExpendableThread::Task FileTask(pid_t pid, const std::string& path, const FileIdentity& identity);

/// The file of a request, as the first of its processes that lives sees it.
ExpendableThread::Task FileTask(const NameRequest& request);

/// Other work on what a process has; `name` tells it from all other.
ExpendableThread::Task TaskOfProcess(pid_t pid, const std::string& name);

}  // namespace sonde
