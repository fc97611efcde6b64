#pragma once

#include "include/kernel.h"
#include "include/sampler_abi.h"

/// The cgroup of a task where cgroups are told apart; 0: none.
static __always_inline struct cgroup* cgroup_of(struct task_struct* task,
                                                const struct sonde_config* asked) {
  if (asked->hierarchy == SONDE_NO_CGROUPS) return 0;
  struct css_set* groups = BPF_CORE_READ(task, cgroups);
  if (asked->hierarchy == SONDE_CGROUP2) return BPF_CORE_READ(groups, dfl_cgrp);
  struct cgroup_subsys_state* state = 0;
  bpf_probe_read_kernel(&state, sizeof(state), &groups->subsys[0] + asked->controller);
  return BPF_CORE_READ(state, cgroup);
}
