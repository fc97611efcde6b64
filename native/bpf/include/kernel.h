#pragma once

// The kernel's types as far as the programs read them. There is no vmlinux.h: each field that is named here is found in
// the running kernel by its BTF (preserve_access_index), wherever that kernel has it.

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

// include/uapi/linux/bpf.h
enum {
  BPF_MAP_TYPE_HASH = 1,
  BPF_MAP_TYPE_ARRAY = 2,
  BPF_MAP_TYPE_LRU_HASH = 9,
  BPF_MAP_TYPE_ARRAY_OF_MAPS = 12,
  BPF_MAP_TYPE_RINGBUF = 27,
};
enum { BPF_ANY = 0 };
enum { BPF_F_MMAPABLE = 1 << 10 };
enum { BPF_F_USER_STACK = 1 << 8 };
enum { BPF_RB_NO_WAKEUP = 1, BPF_RB_FORCE_WAKEUP = 2 };
enum { BPF_RB_AVAIL_DATA = 0, BPF_RB_RING_SIZE = 1 };

// include/linux/sched.h
#define PF_KTHREAD 0x00200000

/// Of the running kernel: whether it has a helper, by the enum of all helpers in its BTF.
enum bpf_func_id___sonde { BPF_FUNC_task_pt_regs___sonde = 175 };

// arch/x86/include/asm/ptrace.h, arch/arm64/include/uapi/asm/ptrace.h. The layout is of the UAPI: the programs read it
// from their context too, where nothing is relocated.
#if defined(__TARGET_ARCH_x86)
struct pt_regs {
  unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di;
  unsigned long orig_ax, ip, cs, flags, sp, ss;
};
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs {
  __u64 regs[31];
  __u64 sp, pc, pstate;
};
#else
#error "no such architecture"
#endif

/// The kernel's own, which on arm64 has more behind these.
struct pt_regs___kernel {
  int unused;
} __attribute__((preserve_access_index));

/// include/uapi/linux/bpf_perf_event.h
struct bpf_perf_event_data {
  struct pt_regs regs;
  __u64 sample_period;
  __u64 addr;
};

/// include/uapi/linux/bpf.h
struct bpf_raw_tracepoint_args {
  __u64 args[2];
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct kernfs_node {
  __u64 id;
};

struct cgroup;

struct cgroup_subsys_state {
  struct cgroup* cgroup;
  struct cgroup_subsys_state* parent;
};

struct cgroup {
  struct cgroup_subsys_state self;
  struct kernfs_node* kn;
};

struct css_set {
  struct cgroup_subsys_state* subsys[1];
  struct cgroup* dfl_cgrp;
};

struct mm_struct {
  unsigned long start_stack;
};

struct thread_struct {
#if defined(__TARGET_ARCH_x86)
  unsigned long fsbase;
#else
  struct {
    unsigned long tp_value;
  } uw;
#endif
};

typedef struct {
  unsigned int val;
} kuid_t;

struct cred {
  kuid_t euid;
};

struct task_struct {
  unsigned int flags;
  int pid;
  int tgid;
  void* stack;
  __u64 start_boottime;
  struct task_struct* real_parent;
  struct task_struct* group_leader;
  struct mm_struct* mm;
  const struct cred* cred;
  struct css_set* cgroups;
  char comm[16];
  struct thread_struct thread;
};

#pragma clang attribute pop
