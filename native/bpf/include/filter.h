#pragma once

#include "include/cgroups.h"
#include "include/kernel.h"
#include "include/maps.h"

/// The more specific rule comes first: of those that thin it counts.
static __always_inline void add_rule(struct sonde_rule* sum, const struct sonde_rule* rule) {
  sum->actions |= rule->actions;
  if (sum->one_in == 0) sum->one_in = rule->one_in;
}

static __always_inline void add_rule_of(struct sonde_rule* sum, __u32 generation, __u32 kind,
                                        __u64 value) {
  struct sonde_rule_key key = {.generation = generation, .kind = kind, .value = {value, 0}};
  const struct sonde_rule* rule = bpf_map_lookup_elem(&rules, &key);
  if (rule) add_rule(sum, rule);
}

static __always_inline struct task_struct* current_task(void) {
  return (struct task_struct*)bpf_get_current_task();
}

/// A rule as the number that a global function may return.
static __always_inline int packed(const struct sonde_rule* rule) {
  return (int)(rule->actions << 24 | (rule->one_in & 0xffffff));
}

static __always_inline void add_packed(struct sonde_rule* sum, int packed) {
  struct sonde_rule rule = {.actions = (__u32)packed >> 24, .one_in = (__u32)packed & 0xffffff};
  add_rule(sum, &rule);
}

/// What the rules say of the cgroup and those above it. A function of its own, which the verifier looks at once.
__noinline int sum_of_cgroups(__u32 generation) {
  __u32 zero = 0;
  const struct sonde_config* asked = bpf_map_lookup_elem(&config, &zero);
  if (!asked) return 0;
  struct cgroup* group = cgroup_of(current_task(), asked);
  struct sonde_known_key key = {.generation = generation, .kind = SONDE_MATCH_CGROUP};
  key.value = BPF_CORE_READ(group, kn, id);
  struct sonde_known sum = {};
  for (int level = 0; level < SONDE_MAX_CGROUP_LEVELS && group; level++) {
    add_rule_of(&sum.rule, generation, SONDE_MATCH_CGROUP, BPF_CORE_READ(group, kn, id));
    group = BPF_CORE_READ(group, self.parent, cgroup);
  }
  // The map spares the next sample the way; where it has no room, this one has its answer all the same.
  bpf_map_update_elem(&known, &key, &sum, BPF_ANY);
  return packed(&sum.rule);
}

static __always_inline __u64 start_of(struct task_struct* process) {
  return BPF_CORE_READ(process, start_boottime);
}

/// What the rules say of the process and those that it descends from.
__noinline int sum_of_tree(__u32 generation) {
  struct task_struct* process = BPF_CORE_READ(current_task(), group_leader);
  struct sonde_known_key key = {.generation = generation, .kind = SONDE_MATCH_TREE};
  key.value = BPF_CORE_READ(process, tgid);
  struct sonde_known sum = {.start_time = start_of(process)};
  for (int level = 0; level < SONDE_MAX_TREE_LEVELS && process; level++) {
    __u32 pid = BPF_CORE_READ(process, tgid);
    if (pid == 0) break;
    add_rule_of(&sum.rule, generation, SONDE_MATCH_TREE, pid);
    process = BPF_CORE_READ(process, real_parent, group_leader);
  }
  // The map spares the next sample the way; where it has no room, this one has its answer all the same.
  bpf_map_update_elem(&known, &key, &sum, BPF_ANY);
  return packed(&sum.rule);
}

static __always_inline void add_cgroups(struct sonde_rule* sum, __u32 generation, __u64 cgroup) {
  struct sonde_known_key key = {
      .generation = generation, .kind = SONDE_MATCH_CGROUP, .value = cgroup};
  const struct sonde_known* answer = bpf_map_lookup_elem(&known, &key);
  if (answer) {
    add_rule(sum, &answer->rule);
  } else {
    add_packed(sum, sum_of_cgroups(generation));
  }
}

static __always_inline void add_tree(struct sonde_rule* sum, __u32 generation, __u32 pid) {
  struct sonde_known_key key = {.generation = generation, .kind = SONDE_MATCH_TREE, .value = pid};
  const struct sonde_known* answer = bpf_map_lookup_elem(&known, &key);
  // Its number may be of a process that died.
  if (answer && answer->start_time == start_of(BPF_CORE_READ(current_task(), group_leader))) {
    add_rule(sum, &answer->rule);
  } else {
    add_packed(sum, sum_of_tree(generation));
  }
}

static __always_inline void add_comm(struct sonde_rule* sum, __u32 generation) {
  struct sonde_rule_key key = {.generation = generation, .kind = SONDE_MATCH_COMM};
  bpf_get_current_comm(key.value, sizeof(key.value));
  const struct sonde_rule* rule = bpf_map_lookup_elem(&rules, &key);
  if (rule) add_rule(sum, rule);
}

/// The process's name is its first thread's.
static __always_inline void add_process(struct sonde_rule* sum, __u32 generation) {
  struct sonde_rule_key key = {.generation = generation, .kind = SONDE_MATCH_PROCESS};
  struct task_struct* process = BPF_CORE_READ(current_task(), group_leader);
  // As a text: what stands behind the NUL may be of an older name, and stays 0 here.
  bpf_core_read_str(key.value, sizeof(key.value), &process->comm);
  const struct sonde_rule* rule = bpf_map_lookup_elem(&rules, &key);
  if (rule) add_rule(sum, rule);
}

/// N where the sample is wanted and one in N is kept; 0 where it is not wanted. A function of its own, as above.
__noinline int choose(__u64 cgroup) {
  __u32 zero = 0;
  const struct sonde_config* asked = bpf_map_lookup_elem(&config, &zero);
  if (!asked) return 1;
  const struct sonde_filter* filter = &asked->filters[asked->active & 1];
  __u32 kinds = filter->kinds;
  __u32 generation = filter->generation;
  __u32 pid = bpf_get_current_pid_tgid() >> 32;
  struct sonde_rule sum = {};
  if (kinds & 1 << SONDE_MATCH_PID) add_rule_of(&sum, generation, SONDE_MATCH_PID, pid);
  if (kinds & 1 << SONDE_MATCH_TREE) add_tree(&sum, generation, pid);
  if (kinds & 1 << SONDE_MATCH_CGROUP) add_cgroups(&sum, generation, cgroup);
  if (kinds & 1 << SONDE_MATCH_COMM) add_comm(&sum, generation);
  if (kinds & 1 << SONDE_MATCH_PROCESS) add_process(&sum, generation);
  if (kinds & 1 << SONDE_MATCH_UID) {
    add_rule_of(&sum, generation, SONDE_MATCH_UID, BPF_CORE_READ(current_task(), cred, euid.val));
  }
  if (kinds & 1 << SONDE_MATCH_KERNEL_THREAD && BPF_CORE_READ(current_task(), flags) & PF_KTHREAD) {
    add_rule_of(&sum, generation, SONDE_MATCH_KERNEL_THREAD, 0);
  }
  if (sum.actions & SONDE_EXCLUDE) return 0;
  if (filter->includes && !(sum.actions & SONDE_INCLUDE)) return 0;
  return sum.one_in > 1 ? (int)(sum.one_in & 0x7fffffff) : 1;
}
