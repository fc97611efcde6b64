#include "core/bpf/probe.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <set>
#include <string>

#include "core/bpf/probe_calls.h"

namespace sonde {
namespace {

bool MayLoadPrograms() {
  return geteuid() == 0 &&
         probe::LoadProgram({.type = BPF_PROG_TYPE_PERF_EVENT, .instructions = probe::ReturnZero()})
             .ok();
}

#define SKIP_WITHOUT_BPF() \
  if (!MayLoadPrograms())  \
  GTEST_SKIP() << "loading BPF programs takes root, and a kernel that lets it"

size_t OpenDescriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<size_t>(std::distance(begin(all), end(all)));
}

const Probe* Find(const std::vector<Probe>& probes, const std::string& name) {
  for (const Probe& probe : probes) {
    if (probe.name == name) return &probe;
  }
  return nullptr;
}

/// Runs `body` in a child that is nobody, without a capability; whether it returned true there.
template <typename Body>
bool HoldsAsNobody(Body body) {
  const pid_t child = fork();
  if (child == 0) {
    const bool nobody = setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0;
    _exit(nobody && body() ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(ProbeTest, EachThingIsTriedOnceAndSaysWhatItServes) {
  std::set<std::string> seen;
  for (const Probe& probe : ProbeKernel()) {
    EXPECT_TRUE(seen.insert(probe.name).second) << probe.name;
    EXPECT_NE(probe.serves, "") << probe.name;
    EXPECT_EQ(probe.error == 0, probe.step.empty()) << probe.name;
  }
  EXPECT_TRUE(seen.contains("bpf_get_stack"));
}

TEST(ProbeTest, NothingIsLeftOpen) {
  ProbeKernel();  // libbpf and the C library may keep something of the first time
  const size_t before = OpenDescriptors();
  ProbeKernel();
  EXPECT_EQ(OpenDescriptors(), before);
}

TEST(ProbeTest, WhatTheSamplerIsMadeOfWorksForRootOnANewKernel) {
  SKIP_WITHOUT_BPF();
  const auto probes = ProbeKernel();
  for (const char* name : {"ringbuf", "perf_event", "bpf_get_stack", "bpf_probe_read_user"}) {
    ASSERT_NE(Find(probes, name), nullptr) << name;
    EXPECT_EQ(Find(probes, name)->error, 0) << name << ": " << Find(probes, name)->log;
  }
}

TEST(ProbeTest, WithoutCapabilitiesProgramsAreRefusedAndTheCallsStillArrive) {
  SKIP_WITHOUT_BPF();
  EXPECT_TRUE(HoldsAsNobody([] {
    const auto probes = ProbeKernel();
    return Find(probes, "perf_event_open")->error == 0 &&
           Find(probes, "perf_event")->error == EPERM &&
           Find(probes, "perf_event")->step == "load" &&
           Find(probes, "task_storage")->error == EPERM;
  }));
}

TEST(ProbeTest, ARefusedProgramComesWithTheVerifiersReason) {
  SKIP_WITHOUT_BPF();
  const auto refused =
      probe::LoadProgram({.type = BPF_PROG_TYPE_PERF_EVENT,
                          .instructions = {probe::Copy(BPF_REG_0, BPF_REG_9), probe::Exit()}});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, EACCES);
  EXPECT_NE(refused.error().what.find("R9 !read_ok"), std::string::npos) << refused.error().what;
}

TEST(ProbeTest, OfALongLogTheEndIsKept) {
  SKIP_WITHOUT_BPF();
  probe::Instructions program(2000, probe::Move(BPF_REG_0, 0));
  program.push_back(probe::Copy(BPF_REG_0, BPF_REG_9));
  program.push_back(probe::Exit());
  const auto refused =
      probe::LoadProgram({.type = BPF_PROG_TYPE_PERF_EVENT, .instructions = std::move(program)});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().what.size(), probe::kMaxLogBytes);
  EXPECT_NE(refused.error().what.find("R9 !read_ok"), std::string::npos);
}

}  // namespace
}  // namespace sonde
