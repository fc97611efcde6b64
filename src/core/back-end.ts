// What takes samples out of the kernel.

export const BACK_ENDS = ['bpf', 'perf'] as const
/**
 * - `bpf`: a program on each event chooses in the kernel, and captures only what is used; needs CAP_BPF, CAP_PERFMON and
 *   the kernel's BTF
 * - `perf`: the events' own rings; works on every kernel, and for one's own processes without privileges
 */
export type BackEnd = (typeof BACK_ENDS)[number]

export const SAMPLER_CHOICES = ['auto', ...BACK_ENDS] as const
/** `auto`: bpf where it works, else perf. */
export type SamplerChoice = (typeof SAMPLER_CHOICES)[number]
