#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/symbols/rust_v0_reader.h"

namespace sonde {

/// Reads a v0 symbol and writes it out as Rust would spell it, in one go: each method reads one production of the
/// grammar at the reader's place. Paths are in rust_v0_path.cc, types in rust_v0_type.cc, constants in
/// rust_v0_constant.cc. Used once.
class RustV0Printer {
 public:
  explicit RustV0Printer(std::string_view symbol) : reader_(symbol) {}

  /// Nothing where the symbol is wrong, nested too deep, or too long when written out.
  std::optional<std::string> Symbol();

 private:
  /// Rust spells some things differently where it expects a value: `Vec::<u8>::new` but `Vec<u8>`, `3 - 1` but `{3 - 1}`.
  enum class Place { kValue, kType };
  using Production = void (RustV0Printer::*)();

  void Path(Place place);
  void NestedPath(Place place);
  void QualifiedPath(char tag);
  void GenericPath(Place place);
  void GenericArgument();
  /// The path of a trait; its `<` stays open if there is one, and the answer is whether.
  bool OpenPath();

  void Type();
  void Reference(char tag);
  void Tuple();
  void FunctionPointer();
  void FunctionAbi();
  void DynTraits();
  void DynTrait();
  void Pattern();

  void Constant(Place place);
  void ValueConstant() { Constant(Place::kValue); }
  void Integer();
  void Boolean();
  void Character();
  void StringLiteral();
  void CompoundConstant(char tag);
  void StructConstant();
  void Field();

  /// Lifetimes are counted from the binder nearest to their use; written, from the outermost on.
  void Lifetime(uint64_t index);
  void LifetimeName(uint64_t level);
  void Name(const RustV0Identifier& identifier);
  /// Elements up to an `E`, with `separator` between them; how many there are.
  size_t List(Production element, std::string_view separator);
  void Print(std::string_view text);

  /// Reads without writing.
  template <typename Read>
  void Silently(Read&& read) {
    silent_++;
    read();
    silent_--;
  }
  /// Reads with the lifetimes that a `for<…>` here introduces, if there is one.
  template <typename Read>
  void InBinder(Read&& read);
  /// Behind a `B`: reads what stands at the place it refers to.
  template <typename Read>
  void Refer(Read&& read);
  class Nesting;

  RustV0Reader reader_;
  std::string text_;
  int silent_ = 0;
  int depth_ = 0;
  uint64_t bound_lifetimes_ = 0;
};

/// One level of nesting for as long as it lives. Whatever calls itself opens one.
class RustV0Printer::Nesting {
 public:
  explicit Nesting(RustV0Printer& printer) : printer_(printer) {
    if (++printer_.depth_ > kMaxDepth) printer_.reader_.Fail();
  }
  ~Nesting() { printer_.depth_--; }
  Nesting(const Nesting&) = delete;
  Nesting& operator=(const Nesting&) = delete;

 private:
  // As deep as rustc-demangle goes; names of the compiler and its tools reach 93.
  static constexpr int kMaxDepth = 500;
  RustV0Printer& printer_;
};

template <typename Read>
void RustV0Printer::Refer(Read&& read) {
  const size_t tag = reader_.offset() - 1;
  const uint64_t target = reader_.Base62();
  // Only backwards, so that no reference leads to itself.
  if (target >= tag) return reader_.Fail();
  if (silent_ > 0) return;
  const size_t next = reader_.offset();
  reader_.Seek(target);
  read();
  reader_.Seek(next);
}

}  // namespace sonde
