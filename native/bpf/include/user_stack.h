#pragma once

#include "include/kernel.h"
#include "include/sampler_abi.h"

enum {
  SONDE_PAGE = 4096,
  /// Further from its bound no stack pointer is: it belongs to another stack (RLIMIT_STACK's usual value).
  SONDE_LARGEST_STACK = 8 << 20,
};

#if defined(__TARGET_ARCH_x86)

/// Of the architecture, where THREAD_SIZE is: for kernels before 5.15.
#define SONDE_THREAD_SIZE (16 * 1024)

static __always_inline int is_user(const struct pt_regs* registers) {
  return (registers->cs & 3) != 0;
}
static __always_inline int is_compat(const struct pt_regs* registers) {
  return registers->cs == 0x23;
}
static __always_inline __u64 stack_pointer(const struct pt_regs* registers) {
  return registers->sp;
}
static __always_inline __u64 instruction(const struct pt_regs* registers) { return registers->ip; }

/// In the order of PERF_REG_X86_*.
static __always_inline void write_registers(__u64* into, const struct pt_regs* from) {
  into[0] = from->ax;
  into[1] = from->bx;
  into[2] = from->cx;
  into[3] = from->dx;
  into[4] = from->si;
  into[5] = from->di;
  into[6] = from->bp;
  into[7] = from->sp;
  into[8] = from->ip;
  into[9] = from->r8;
  into[10] = from->r9;
  into[11] = from->r10;
  into[12] = from->r11;
  into[13] = from->r12;
  into[14] = from->r13;
  into[15] = from->r14;
  into[16] = from->r15;
}

static __always_inline __u64 thread_pointer(struct task_struct* task) {
  return BPF_CORE_READ(task, thread.fsbase);
}

/// Go keeps it below the thread pointer.
static __always_inline __u64 current_g(__u64 thread, const struct pt_regs* registers) {
  (void)registers;
  __u64 g = 0;
  return bpf_probe_read_user(&g, sizeof(g), (void*)(thread - 8)) == 0 ? g : 0;
}

#elif defined(__TARGET_ARCH_arm64)

#define SONDE_THREAD_SIZE (16 * 1024)

static __always_inline int is_user(const struct pt_regs* registers) {
  return (registers->pstate & 0xf) == 0;
}
static __always_inline int is_compat(const struct pt_regs* registers) {
  return (registers->pstate & 0x10) != 0;
}
static __always_inline __u64 stack_pointer(const struct pt_regs* registers) {
  return registers->sp;
}
static __always_inline __u64 instruction(const struct pt_regs* registers) { return registers->pc; }

/// In the order of PERF_REG_ARM64_*.
static __always_inline void write_registers(__u64* into, const struct pt_regs* from) {
#pragma unroll
  for (int number = 0; number < 31; number++) into[number] = from->regs[number];
  into[31] = from->sp;
  into[32] = from->pc;
}

static __always_inline __u64 thread_pointer(struct task_struct* task) {
  return BPF_CORE_READ(task, thread.uw.tp_value);
}

/// Go keeps it in a register.
static __always_inline __u64 current_g(__u64 thread, const struct pt_regs* registers) {
  (void)thread;
  return registers->regs[28];
}

#endif

/// What the user's registers were when the task went into the kernel.
static __always_inline void read_saved_registers(struct task_struct* task, struct pt_regs* into) {
  void* saved;
  if (bpf_core_enum_value_exists(enum bpf_func_id___sonde, BPF_FUNC_task_pt_regs___sonde)) {
    saved = (void*)bpf_task_pt_regs(bpf_get_current_task_btf());
  } else {
    saved = BPF_CORE_READ(task, stack) + SONDE_THREAD_SIZE -
            bpf_core_type_size(struct pt_regs___kernel);
  }
  bpf_probe_read_kernel(into, sizeof(*into), saved);
}

/// Go's g begins with the bounds of its stack (runtime.g.stack, runtime.stack).
static __always_inline __u64 goroutine_end(__u64 g, __u64 from) {
  struct {
    __u64 low, high;
  } stack = {};
  if (g == 0 || bpf_probe_read_user(&stack, sizeof(stack), (void*)g) != 0) return 0;
  return stack.low <= from && from < stack.high ? stack.high : 0;
}

static __always_inline int may_bound(__u64 end, __u64 from) {
  return end > from && end - from <= SONDE_LARGEST_STACK;
}

/// Bytes of the stack between its pointer and where it begins: for the first thread below its arguments, for others of
/// glibc and musl below the thread's control block, for goroutines where Go says. 0: unknown.
static __always_inline __u64 used_bytes(struct task_struct* task, const struct pt_regs* registers) {
  __u64 from = stack_pointer(registers);
  __u64 end = BPF_CORE_READ(task, mm, start_stack);
  if (may_bound(end, from)) return end - from;
  end = thread_pointer(task);
  if (may_bound(end, from)) return end - from;
  end = goroutine_end(current_g(end, registers), from);
  return may_bound(end, from) ? end - from : 0;
}
