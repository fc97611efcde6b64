// What our reader and elfutils say of one instruction, in the same words: DWARF operations.
#pragma once

#include <dwarf.h>
#include <elfutils/libdw.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "core/unwind/row_source.h"

namespace sonde::test {

/// Registers that a function keeps for its caller, and the return address.
inline std::vector<int> KeptRegisters(const Architecture& architecture) {
  if (!architecture.has_link_register) return {3, 6, 12, 13, 14, 15, 16};
  return {19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30};
}

/// The operations that make the CFA and the registers of the caller, in bytes.
class FrameAnswer {
 public:
  static FrameAnswer Ours(const CfiRow& row, const Architecture& architecture) {
    FrameAnswer answer;
    if (row.cfa_is_expression) {
      answer.AddBytes(row.expressions[static_cast<size_t>(row.cfa_offset)]);
    } else {
      answer.AddSum(row.cfa_register, row.cfa_offset);
    }
    for (const int number : KeptRegisters(architecture)) {
      answer.Begin("r" + std::to_string(number));
      answer.AddRule(row.rules[static_cast<size_t>(number)], row);
    }
    answer.Begin("ra" + std::to_string(row.return_address) + (row.signal_frame ? " signal" : ""));
    return answer;
  }

  static FrameAnswer Libdw(Dwarf_Frame* frame, const Architecture& architecture) {
    FrameAnswer answer;
    Dwarf_Op* operations = nullptr;
    size_t count = 0;
    Dwarf_Op memory[3];
    if (dwarf_frame_cfa(frame, &operations, &count) != 0) answer.text_ += "failed";
    answer.AddOperations(operations, count);
    for (const int number : KeptRegisters(architecture)) {
      answer.Begin("r" + std::to_string(number));
      if (dwarf_frame_register(frame, number, memory, &operations, &count) != 0) continue;
      // elfutils 0.188 takes rbx, of which nothing is said, for undefined.
      const bool unspecified = number == 3 && count == 0;
      if (operations == nullptr || unspecified) answer.text_ += "same";
      answer.AddOperations(operations, count);
    }
    bool signal = false;
    const int return_address = dwarf_frame_info(frame, nullptr, nullptr, &signal);
    answer.Begin("ra" + std::to_string(return_address) + (signal ? " signal" : ""));
    return answer;
  }

  const std::string& text() const { return text_; }
  bool operator==(const FrameAnswer&) const = default;

 private:
  void Begin(const std::string& name) { text_ += "; " + name + " "; }
  void AddByte(unsigned byte) {
    constexpr char kDigits[] = "0123456789abcdef";
    text_ += kDigits[byte >> 4 & 15];
    text_ += kDigits[byte & 15];
  }
  void AddBytes(const std::vector<uint8_t>& bytes) {
    for (const uint8_t byte : bytes) AddByte(byte);
  }
  void AddFixed(uint64_t value, int bytes) {
    for (; bytes > 0; bytes--, value >>= 8) AddByte(value & 0xff);
  }
  void AddUleb(uint64_t value) {
    for (; value >= 0x80; value >>= 7) AddByte((value & 0x7f) | 0x80);
    AddByte(static_cast<unsigned>(value));
  }
  void AddSleb(int64_t value) {
    for (; value < -64 || value > 63; value >>= 7) AddByte((value & 0x7f) | 0x80);
    AddByte(value & 0x7f);
  }
  void AddSum(uint64_t number, int64_t offset) {
    AddByte(static_cast<unsigned>(DW_OP_breg0 + number));
    AddSleb(offset);
  }

  void AddRule(const RegisterRule& rule, const CfiRow& row);
  void AddOperations(const Dwarf_Op* operations, size_t count);

  std::string text_ = "cfa ";
};

inline void FrameAnswer::AddRule(const RegisterRule& rule, const CfiRow& row) {
  using Kind = RegisterRule::Kind;
  const bool is_value = rule.kind == Kind::kValueOffset || rule.kind == Kind::kValueExpression;
  switch (rule.kind) {
    case Kind::kSame:
      text_ += "same";
      return;
    case Kind::kUndefined:
      return;
    case Kind::kRegister:
      AddByte(DW_OP_regx);
      return AddUleb(static_cast<uint64_t>(rule.offset));
    case Kind::kOffset:
    case Kind::kValueOffset:
      AddByte(DW_OP_call_frame_cfa);
      if (rule.offset != 0) AddByte(DW_OP_plus_uconst);
      if (rule.offset != 0) AddUleb(static_cast<uint64_t>(rule.offset));
      break;
    case Kind::kExpression:
    case Kind::kValueExpression:
      AddByte(DW_OP_call_frame_cfa);
      AddBytes(row.expressions[static_cast<size_t>(rule.offset)]);
      break;
  }
  if (is_value) AddByte(DW_OP_stack_value);
}

inline void FrameAnswer::AddOperations(const Dwarf_Op* operations, size_t count) {
  for (size_t index = 0; index < count; index++) {
    const Dwarf_Op& operation = operations[index];
    const unsigned atom = operation.atom;
    if (atom == DW_OP_bregx) {
      AddSum(operation.number, static_cast<int64_t>(operation.number2));
      continue;
    }
    AddByte(atom);
    if (atom >= DW_OP_breg0 && atom <= DW_OP_breg31) {
      AddSleb(static_cast<int64_t>(operation.number));
    } else if (atom == DW_OP_plus_uconst || atom == DW_OP_constu || atom == DW_OP_regx) {
      AddUleb(operation.number);
    } else if (atom == DW_OP_consts) {
      AddSleb(static_cast<int64_t>(operation.number));
    } else if (atom == DW_OP_const1u || atom == DW_OP_const1s || atom == DW_OP_deref_size) {
      AddFixed(operation.number, 1);
    } else if (atom == DW_OP_const2u || atom == DW_OP_const2s) {
      AddFixed(operation.number, 2);
    } else if (atom == DW_OP_const4u || atom == DW_OP_const4s) {
      AddFixed(operation.number, 4);
    }
  }
}

}  // namespace sonde::test
