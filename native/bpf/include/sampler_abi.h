#pragma once

// What the BPF sampler and the addon say to each other: written once, read by clang for BPF and by the C++ compiler.

#ifdef __cplusplus
#include <linux/types.h>
#endif

enum {
  /// Sessions that one object can sample: as many entry points as it has.
  SONDE_MAX_SESSIONS = 8,
  /// Return addresses of one call chain.
  SONDE_MAX_CHAIN = 512,
  /// Bytes of one copied user stack.
  SONDE_MAX_STACK_BYTES = 32 * 1024,
  /// Rules of one filter, with one for each process that is known to be in a tree.
  SONDE_MAX_RULES = 4096,
#if defined(__TARGET_ARCH_arm64) || defined(__aarch64__)
  SONDE_USER_REGISTERS = 33,
#else
  SONDE_USER_REGISTERS = 17,
#endif
  /// Cgroups and processes further than this from the task are not looked at.
  SONDE_MAX_CGROUP_LEVELS = 16,
  SONDE_MAX_TREE_LEVELS = 24,
  SONDE_COMM_BYTES = 16,
  /// One run in as many is timed.
  SONDE_TIMED_RUNS = 64,
};

enum sonde_sample_flags {
  /// The interrupt struck in user mode.
  SONDE_SAMPLE_USER_MODE = 1,
  /// Registers of the user follow the head.
  SONDE_SAMPLE_REGISTERS = 2,
  /// They are of 32-bit code.
  SONDE_SAMPLE_COMPAT = 4,
  /// The stack goes on behind the bytes that were copied.
  SONDE_SAMPLE_STACK_CUT = 8,
};

/// A sample in a ring. Behind it stand the user's registers (where flagged, in the order of PERF_REG_*), the kernel's call
/// chain, the user's by frame pointers, and the user's stack from its stack pointer upwards.
struct sonde_sample {
  __u64 time;   ///< CLOCK_MONOTONIC
  __u64 value;  ///< the event's period, times N where one sample in N is kept
  __u64 ip;
  __u64 cgroup;
  __u64 start_time;  ///< of the process, nanoseconds since boot (task_struct.start_boottime)
  __u32 pid;
  __u32 tid;
  __u32 cpu;
  __u32 stack_bytes;
  __u16 session;  ///< place in SamplerOptions.sessions
  __u16 flags;
  __u16 kernel_frames;
  __u16 user_frames;
  char comm[SONDE_COMM_BYTES];
};

enum sonde_counter {
  SONDE_RUNS,
  SONDE_KEPT,
  SONDE_FILTERED,
  SONDE_SAMPLED_OUT,
  SONDE_RING_FULL,
  SONDE_CONTENDED,
  SONDE_CAPTURE_FAILED,
  /// Samples whose stack could not be copied as far as it is used.
  SONDE_STACK_FAULTS,
  SONDE_TIMED,
  SONDE_TIMED_NS,
  SONDE_COUNTERS = 16,
};

/// Counts of one CPU.
struct sonde_cpu_counters {
  __u64 of[SONDE_MAX_SESSIONS][SONDE_COUNTERS];
};

/// Kinds of rules, in the order of MatchKind.
enum sonde_match {
  SONDE_MATCH_PID,
  SONDE_MATCH_TREE,
  SONDE_MATCH_CGROUP,
  SONDE_MATCH_COMM,
  SONDE_MATCH_UID,
  SONDE_MATCH_KERNEL_THREAD,
  SONDE_MATCH_PROCESS,
};

enum sonde_rule_action {
  SONDE_INCLUDE = 1,
  SONDE_EXCLUDE = 2,
};

struct sonde_rule_key {
  __u32 generation;  ///< of the filter
  __u32 kind;
  /// Process, user or cgroup; or the bytes of a name.
  __u64 value[2];
};

struct sonde_rule {
  __u32 actions;
  /// 0: says nothing of it.
  __u32 one_in;
};

/// What is known of a whole cgroup, or of a process in a tree.
struct sonde_known_key {
  __u32 generation;
  __u32 kind;
  __u64 value;
};

struct sonde_known {
  struct sonde_rule rule;
  /// Of the process; 0 for a cgroup.
  __u64 start_time;
};

struct sonde_filter {
  __u32 generation;
  /// 1 << sonde_match for each kind that there are rules of; 0: everything is wanted.
  __u32 kinds;
  /// Whether a rule must include a sample.
  __u32 includes;
  __u32 unused;
};

enum sonde_session_flags {
  /// Of no sample the kernel's part of the stack is wanted, or the user's.
  SONDE_WITHOUT_KERNEL_STACK = 1,
  SONDE_WITHOUT_USER_STACK = 2,
};

struct sonde_session {
  /// Of every sample, where the event's own is not to be believed; otherwise 0.
  __u64 implied_value;
  __u32 max_stack;
  /// 0: the user's frames are found by frame pointers.
  __u32 stack_bytes;
  __u32 flags;
  __u32 unused;
};

/// Where cgroups are told apart.
enum sonde_hierarchy {
  SONDE_NO_CGROUPS,
  SONDE_CGROUP2,
  /// The tree of a v1 controller.
  SONDE_CONTROLLER,
};

struct sonde_config {
  /// Which of the two filters is in force.
  __u32 active;
  __u32 cpus_per_ring;
  __u32 hierarchy;
  /// Of the controller in css_set.subsys, which depends on how the kernel was built.
  __u32 controller;
  /// Unread bytes of a ring that wake its reader.
  __u64 wake_bytes;
  struct sonde_filter filters[2];
  struct sonde_session sessions[SONDE_MAX_SESSIONS];
};
