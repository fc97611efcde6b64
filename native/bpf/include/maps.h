#pragma once

#include "include/kernel.h"
#include "include/sampler_abi.h"

/// What the addon asks for; written while the programs run.
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct sonde_config);
} config SEC(".maps");

/// Of both filters, told apart by their generations.
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 2 * SONDE_MAX_RULES);
  __type(key, struct sonde_rule_key);
  __type(value, struct sonde_rule);
} rules SEC(".maps");

/// Processes whose stacks are followed without the chain by frame pointers, with when they started.
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 8192);
  __type(key, __u32);
  __type(value, __u64);
} chainless SEC(".maps");

/// What the rules say of cgroups and of processes with all that stand above them.
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 8192);
  __type(key, struct sonde_known_key);
  __type(value, struct sonde_known);
} known SEC(".maps");
