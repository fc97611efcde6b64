#include "core/symbols/code_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/symbols/target_root.h"

namespace sonde {
namespace {

/// Times of files come from a coarse clock that may have been set meanwhile, those of processes in ticks.
constexpr int64_t kClockSlack = 2'000'000'000;

std::string UidText(uid_t uid) { return "uid " + std::to_string(uid); }

Status CheckOwner(const struct stat& status, const CodeMaker& maker) {
  const uid_t owner = status.st_uid;
  if (owner == 0) return Ok();
  if (!maker.facts) {
    // Its own file can have been anybody's; what the agent's user can write, he may call as he likes.
    if (owner == geteuid()) return Ok();
    return Error{EINVAL, "belongs to " + UidText(owner) +
                             "; the process ended before it could be asked who it runs as"};
  }
  if (owner == maker.facts->effective_uid || owner == maker.facts->real_uid) return Ok();
  return Error{EINVAL, "belongs to " + UidText(owner) + ", the process runs as " +
                           UidText(maker.facts->effective_uid)};
}

/// A group of the owner's own has his number, where users have groups of their own.
bool OthersMayWrite(const struct stat& status) {
  const bool group = (status.st_mode & S_IWGRP) != 0 && status.st_gid != status.st_uid;
  return group || (status.st_mode & S_IWOTH) != 0;
}

Status CheckTime(const struct stat& status, const CodeMaker& maker) {
  const int64_t written =
      int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec - UnixOffset();
  const uint64_t began = maker.facts ? maker.facts->began : maker.since;
  if (written + kClockSlack >= static_cast<int64_t>(began)) return Ok();
  return Error{EINVAL, "was written before the process began: it is an earlier one's"};
}

Result<TargetFile> Believed(Result<TargetFile> file, const CodeMaker& maker) {
  if (!file) return file;
  struct stat status = {};
  if (fstat(file->descriptor(), &status) != 0) return SystemError("fstat(perf-map)");
  const Status owner = CheckOwner(status, maker);
  if (!owner) return owner.error();
  if (OthersMayWrite(status)) {
    return Error{EINVAL, "others than " + UidText(status.st_uid) + " may write into it"};
  }
  if (status.st_nlink != 1) return Error{EINVAL, "has more than one name, so it may be another's"};
  const Status time = CheckTime(status, maker);
  if (!time) return time.error();
  return file;
}

std::string PathFor(pid_t pid) { return "/tmp/perf-" + std::to_string(pid) + ".map"; }

/// As process `pid` sees it, or the agent itself for 0.
Result<TargetFile> OpenUnlinked(pid_t pid, const std::string& path) {
  const auto root = pid == 0 ? TargetRoot::Own() : TargetRoot::OfProcess(pid);
  if (!root) return root.error();
  return root->OpenUnlinkedFile(path);
}

bool IsMissing(const Result<TargetFile>& file) {
  return !file && (file.error().code == ENOENT || file.error().code == ENOTDIR);
}

/// The file as a living process sees it.
Result<TargetFile> OpenSeen(const CodeMaker& maker) {
  const pid_t inner = maker.facts->inner_pid;
  auto file = Believed(OpenUnlinked(maker.pid, PathFor(inner)), maker);
  if (inner == maker.pid) return file;
  if (!IsMissing(file)) {
    if (file) return file;
    return Error{file.error().code, "perf-" + std::to_string(inner) +
                                        ".map of its pid namespace: " + file.error().what};
  }
  // A tool of this machine, outside of the process's namespace, may have written it.
  if (maker.facts->tmp != ProcessFacts::Tmp::kAgents) return file;
  return Believed(OpenUnlinked(maker.pid, PathFor(maker.pid)), maker);
}

/// What is left of a process that has ended is what it wrote into the agent's own /tmp.
Result<TargetFile> OpenLeft(const CodeMaker& maker) {
  const Error gone = {ENOENT, "the process has ended"};
  const pid_t inner = maker.facts ? maker.facts->inner_pid : maker.pid;
  const auto tmp = maker.facts ? maker.facts->tmp : ProcessFacts::Tmp::kGone;
  if (tmp == ProcessFacts::Tmp::kAnother) return gone;
  // A namespace of its own mostly comes with a /tmp of its own.
  if (tmp == ProcessFacts::Tmp::kGone && inner != maker.pid) return gone;
  return Believed(OpenUnlinked(0, PathFor(inner)), maker);
}

}  // namespace

Result<TargetFile> OpenPerfMap(const CodeMaker& maker) {
  return maker.alive ? OpenSeen(maker) : OpenLeft(maker);
}

Result<TargetFile> OpenJitdump(const CodeMaker& maker, const std::string& path,
                               const FileIdentity& identity) {
  return Believed(TargetFile::Open(maker.pid, path, identity), maker);
}

}  // namespace sonde
