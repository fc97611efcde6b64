// Takes samples at perf events: chooses whom, captures what unwinding needs, and puts it into a ring. Nothing is unwound
// here (docs/decisions/0008, 0018).

#include "include/filter.h"
#include "include/kernel.h"
#include "include/maps.h"
#include "include/sampler_abi.h"
#include "include/user_stack.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct ring {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 20);
};

/// One for every cpus_per_ring CPUs.
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
  __uint(max_entries, 1);
  __uint(key_size, sizeof(__u32));
  __uint(value_size, sizeof(__u32));
  __array(values, struct ring);
} rings SEC(".maps");

/// By CPU.
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct sonde_cpu_counters);
} counters SEC(".maps");

enum {
  CHAIN_BYTES = SONDE_MAX_CHAIN * sizeof(__u64),
  REGISTER_BYTES = SONDE_USER_REGISTERS * sizeof(__u64),
  REST_BYTES = REGISTER_BYTES + 2 * CHAIN_BYTES + SONDE_MAX_STACK_BYTES,
};

/// A record in the making.
struct scratch {
  struct sonde_sample head;
  /// Registers, both chains and the stack, one behind the other.
  __u8 rest[REST_BYTES];
};

/// By CPU: no program interrupts another one on its CPU (bpf_prog_active). An array, because a value of a per-CPU map may
/// not be larger than 32 KiB.
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct scratch);
} scratches SEC(".maps");

/// The sample that is being taken.
struct taking {
  struct bpf_perf_event_data *ctx;
  struct task_struct *task;
  const struct sonde_session *session;
  /// Once it is wanted.
  struct scratch *scratch;
  /// Of the session.
  __u32 number;
  __u64 *counts;
  /// Of the rest.
  __u32 used;
};

/// Compilers leave out a comparison whose outcome they can prove. Linux 6.12 and older cannot prove it, and refuse the
/// program without it.
#define keep_check(value) barrier_var(value)

static __always_inline __u32 at_most(__u32 value, __u32 limit) { return value < limit ? value : limit; }

/// Adds a call chain; returns its frames.
static __always_inline __u32 add_chain(struct taking *taking, __u32 frames, __u64 flags) {
  __u32 used = taking->used;
  __u32 bytes = at_most(frames, SONDE_MAX_CHAIN) * sizeof(__u64);
  if (used > REGISTER_BYTES + CHAIN_BYTES || bytes > CHAIN_BYTES) return 0;
  long got = bpf_get_stack(taking->ctx, taking->scratch->rest + used, bytes, flags);
  if (got <= 0 || got > CHAIN_BYTES) return 0;
  taking->used = used + (__u32)got;
  return (__u32)got / sizeof(__u64);
}

static __always_inline __u32 user_frames_left(const struct taking *taking) {
  __u32 limit = taking->session->max_stack;
  return limit - at_most(taking->scratch->head.kernel_frames, limit);
}

/// The user's registers; 0 where the task has none that unwinding could use.
static __always_inline int add_registers(struct taking *taking, struct pt_regs *registers) {
  struct sonde_sample *head = &taking->scratch->head;
  if (head->flags & SONDE_SAMPLE_USER_MODE) {
    *registers = taking->ctx->regs;
  } else {
    read_saved_registers(taking->task, registers);
  }
  if (is_compat(registers)) {
    head->flags |= SONDE_SAMPLE_COMPAT;
    return 0;
  }
  head->flags |= SONDE_SAMPLE_REGISTERS;
  write_registers((__u64 *)taking->scratch->rest, registers);
  taking->used = REGISTER_BYTES;
  return 1;
}

/// Copies page by page, up to the first that cannot be read, behind `used` bytes of the rest; returns how many bytes. A
/// function of its own, which the verifier looks at once.
__noinline int copy_by_pages(__u32 used, __u64 from, __u32 wanted) {
  __u32 cpu = bpf_get_smp_processor_id();
  struct scratch *scratch = bpf_map_lookup_elem(&scratches, &cpu);
  if (!scratch || used > REGISTER_BYTES + 2 * CHAIN_BYTES) return 0;
  __u32 copied = 0;
  for (int page = 0; page <= SONDE_MAX_STACK_BYTES / SONDE_PAGE; page++) {
    if (copied >= wanted || copied > SONDE_MAX_STACK_BYTES - SONDE_PAGE) break;
    __u32 bytes = SONDE_PAGE - (__u32)((from + copied) & (SONDE_PAGE - 1));
    if (bytes > wanted - copied) bytes = wanted - copied;
    keep_check(bytes);
    if (bytes > SONDE_PAGE) break;
    if (bpf_probe_read_user(scratch->rest + used + copied, bytes, (void *)(from + copied)) != 0) break;
    copied += bytes;
  }
  return copied;
}

/// Whether unwinding does without the chain by frame pointers: the addon says so once it has seen how the process's stacks
/// are made. A new process gets both.
static __always_inline int is_chainless(const struct sonde_sample *head) {
  __u32 pid = head->pid;
  const __u64 *start_time = bpf_map_lookup_elem(&chainless, &pid);
  return start_time && *start_time == head->start_time;
}

/// Copies the user's stack, as far as it is used. The chain by frame pointers goes on where the copy ends.
static __always_inline void add_stack(struct taking *taking, const struct pt_regs *registers) {
  __u64 from = stack_pointer(registers);
  struct sonde_sample *head = &taking->scratch->head;
  __u64 limit = at_most(taking->session->stack_bytes, SONDE_MAX_STACK_BYTES);
  __u64 wanted = used_bytes(taking->task, registers);
  if (wanted == 0 || wanted > limit) {
    wanted = limit;
    head->flags |= SONDE_SAMPLE_STACK_CUT;
  }
  if (head->flags & SONDE_SAMPLE_STACK_CUT || !is_chainless(head)) {
    head->user_frames = add_chain(taking, user_frames_left(taking), BPF_F_USER_STACK);
  }
  __u32 used = taking->used;
  wanted &= ~7ull;
  keep_check(wanted);
  if (used > REGISTER_BYTES + 2 * CHAIN_BYTES || wanted > SONDE_MAX_STACK_BYTES) return;
  __u8 *into = taking->scratch->rest + used;
  if (bpf_probe_read_user(into, wanted, (void *)from) != 0) {
    taking->counts[SONDE_STACK_FAULTS]++;
    head->flags &= ~SONDE_SAMPLE_STACK_CUT;
    wanted = (__u32)copy_by_pages(used, from, wanted);
    if (wanted > SONDE_MAX_STACK_BYTES) return;
  }
  head->stack_bytes = wanted;
  taking->used = used + wanted;
}

/// What the sample is about, but for its stacks.
static __always_inline void begin_record(struct taking *taking, __u64 time) {
  struct sonde_sample *head = &taking->scratch->head;
  struct task_struct *task = taking->task;
  __u64 ids = bpf_get_current_pid_tgid();
  head->time = time;
  head->ip = instruction(&taking->ctx->regs);
  head->start_time = start_of(BPF_CORE_READ(task, group_leader));
  head->pid = ids >> 32;
  head->tid = (__u32)ids;
  head->stack_bytes = 0;
  head->flags = is_user(&taking->ctx->regs) ? SONDE_SAMPLE_USER_MODE : 0;
  head->kernel_frames = 0;
  head->user_frames = 0;
  bpf_get_current_comm(head->comm, sizeof(head->comm));
}

static __always_inline void add_frames(struct taking *taking) {
  struct sonde_sample *head = &taking->scratch->head;
  struct task_struct *task = taking->task;
  struct pt_regs registers;
  // One that has given up its memory, at its end, has no user part any more: as perf has it.
  __u32 left_out = taking->session->flags;
  int has_user = !(left_out & SONDE_WITHOUT_USER_STACK) && !(BPF_CORE_READ(task, flags) & PF_KTHREAD) &&
                 BPF_CORE_READ(task, mm) != 0;
  int unwinds = has_user && taking->session->stack_bytes != 0 && add_registers(taking, &registers);
  if (!(head->flags & SONDE_SAMPLE_USER_MODE) && !(left_out & SONDE_WITHOUT_KERNEL_STACK)) {
    head->kernel_frames = add_chain(taking, taking->session->max_stack, 0);
  }
  if (unwinds) {
    add_stack(taking, &registers);
  } else if (has_user) {
    head->user_frames = add_chain(taking, user_frames_left(taking), BPF_F_USER_STACK);
  }
}

static __always_inline void send(struct taking *taking, const struct sonde_config *asked, __u32 cpu) {
  __u32 place = cpu / (asked->cpus_per_ring ? asked->cpus_per_ring : 1);
  void *ring = bpf_map_lookup_elem(&rings, &place);
  __u32 used = taking->used;
  if (!ring || used > REST_BYTES) {
    taking->counts[SONDE_CAPTURE_FAILED]++;
    return;
  }
  __u64 bytes = sizeof(struct sonde_sample) + used;
  __u64 unread = bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA);
  __u64 flags = unread + bytes >= asked->wake_bytes ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
  if (bpf_ringbuf_output(ring, taking->scratch, bytes, flags) == 0) {
    taking->counts[SONDE_KEPT]++;
  } else if (bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA) + bytes + 16 > bpf_ringbuf_query(ring, BPF_RB_RING_SIZE)) {
    taking->counts[SONDE_RING_FULL]++;
  } else {
    taking->counts[SONDE_CONTENDED]++;
  }
}

/// One in `one_in`, at random.
static __always_inline int is_chosen(__u32 one_in) {
  return one_in == 1 || ((__u64)bpf_get_prandom_u32() * one_in) >> 32 == 0;
}

/// What is not wanted does not touch the scratch, which the caches seldom hold.
static __always_inline void take(struct taking *taking, const struct sonde_config *asked, __u32 cpu, __u64 time) {
  struct cgroup *group = cgroup_of(taking->task, asked);
  __u64 cgroup = group ? BPF_CORE_READ(group, kn, id) : 0;
  __u32 one_in = 1;
  if (asked->filters[asked->active & 1].kinds != 0) one_in = choose(cgroup);
  if (one_in == 0) {
    taking->counts[SONDE_FILTERED]++;
    return;
  }
  if (!is_chosen(one_in)) {
    taking->counts[SONDE_SAMPLED_OUT]++;
    return;
  }
  struct scratch *scratch = bpf_map_lookup_elem(&scratches, &cpu);
  if (!scratch) {
    taking->counts[SONDE_CAPTURE_FAILED]++;
    return;
  }
  taking->scratch = scratch;
  struct sonde_sample *head = &scratch->head;
  __u64 value = taking->session->implied_value;
  if (value == 0) value = taking->ctx->sample_period;
  head->value = value * one_in;
  head->cgroup = cgroup;
  head->cpu = cpu;
  head->session = taking->number;
  begin_record(taking, time);
  add_frames(taking);
  send(taking, asked, cpu);
}

static __always_inline int sample(struct bpf_perf_event_data *ctx, __u32 session) {
  __u64 time = bpf_ktime_get_ns();
  __u32 zero = 0;
  __u32 cpu = bpf_get_smp_processor_id();
  struct sonde_cpu_counters *counts = bpf_map_lookup_elem(&counters, &cpu);
  const struct sonde_config *asked = bpf_map_lookup_elem(&config, &zero);
  if (!counts || !asked) return 0;
  struct taking taking = {.ctx = ctx,
                          .task = current_task(),
                          .session = &asked->sessions[session],
                          .number = session,
                          .counts = counts->of[session]};
  take(&taking, asked, cpu, time);
  if (taking.counts[SONDE_RUNS]++ % SONDE_TIMED_RUNS == 0) {
    taking.counts[SONDE_TIMED]++;
    taking.counts[SONDE_TIMED_NS] += bpf_ktime_get_ns() - time;
  }
  // Perf itself writes nothing.
  return 0;
}

/// Who is forked by a process of a tree is in it, however soon those between end. The addon hears of it later, and of its end.
SEC("raw_tp/sched_process_fork")
int process_forked(struct bpf_raw_tracepoint_args *ctx) {
  __u32 zero = 0;
  const struct sonde_config *asked = bpf_map_lookup_elem(&config, &zero);
  if (!asked) return 0;
  const struct sonde_filter *filter = &asked->filters[asked->active & 1];
  if (!(filter->kinds & 1 << SONDE_MATCH_TREE)) return 0;
  struct task_struct *parent = (struct task_struct *)ctx->args[0];
  struct task_struct *child = (struct task_struct *)ctx->args[1];
  __u32 pid = BPF_CORE_READ(child, tgid);
  struct sonde_rule_key key = {.generation = filter->generation, .kind = SONDE_MATCH_TREE};
  key.value[0] = BPF_CORE_READ(parent, tgid);
  // A thread is one of its own process.
  if (key.value[0] == pid) return 0;
  const struct sonde_rule *rule = bpf_map_lookup_elem(&rules, &key);
  if (!rule) return 0;
  struct sonde_rule of_child = *rule;
  key.value[0] = pid;
  bpf_map_update_elem(&rules, &key, &of_child, BPF_ANY);
  return 0;
}

/// An entry point for each session: kernels before 5.15 do not tell a program which event it runs for.
#define SONDE_SESSION(number)                                   \
  SEC("perf_event")                                             \
  int sample_##number(struct bpf_perf_event_data *ctx) {        \
    return sample(ctx, number);                                 \
  }

SONDE_SESSION(0)
SONDE_SESSION(1)
SONDE_SESSION(2)
SONDE_SESSION(3)
SONDE_SESSION(4)
SONDE_SESSION(5)
SONDE_SESSION(6)
SONDE_SESSION(7)
