// Instructions of the programs that a probe loads, written by hand: neither a compiler nor an object is needed to ask
// the kernel what it takes (linux/bpf.h; the kernel's Documentation/bpf/standardization/instruction-set.rst).
#pragma once

#include <linux/bpf.h>

#include <array>
#include <cstdint>
#include <vector>

namespace sonde::probe {

using Instructions = std::vector<bpf_insn>;

inline bpf_insn Instruction(uint8_t code, uint8_t to, uint8_t from, int32_t number) {
  bpf_insn made = {};
  made.code = code;
  made.dst_reg = to & 0xf;
  made.src_reg = from & 0xf;
  made.imm = number;
  return made;
}

inline bpf_insn Move(uint8_t to, int32_t number) {
  return Instruction(BPF_ALU64 | BPF_MOV | BPF_K, to, 0, number);
}
inline bpf_insn Copy(uint8_t to, uint8_t from) {
  return Instruction(BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0);
}
inline bpf_insn Add(uint8_t to, int32_t number) {
  return Instruction(BPF_ALU64 | BPF_ADD | BPF_K, to, 0, number);
}
inline bpf_insn Call(bpf_func_id helper) {
  return Instruction(BPF_JMP | BPF_CALL, 0, 0, static_cast<int32_t>(helper));
}
inline bpf_insn Exit() { return Instruction(BPF_JMP | BPF_EXIT, 0, 0, 0); }

/// Writes 0 into the eight bytes of the stack at `offset` from its end.
inline bpf_insn ClearStack(int16_t offset) {
  bpf_insn made = Instruction(BPF_ST | BPF_MEM | BPF_DW, BPF_REG_10, 0, 0);
  made.off = offset;
  return made;
}

/// Two instructions: what `pseudo` (BPF_PSEUDO_MAP_FD, BPF_PSEUDO_FUNC) makes of the number.
inline std::array<bpf_insn, 2> LoadReference(uint8_t to, uint8_t pseudo, int32_t number) {
  return {Instruction(BPF_LD | BPF_DW | BPF_IMM, to, pseudo, number), Instruction(0, 0, 0, 0)};
}

inline Instructions ReturnZero() { return {Move(BPF_REG_0, 0), Exit()}; }

}  // namespace sonde::probe
