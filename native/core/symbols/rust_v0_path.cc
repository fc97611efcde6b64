#include "core/symbols/punycode.h"
#include "core/symbols/rust_v0_printer.h"

namespace sonde {
namespace {

// The longest of 132,000 names in the compiler and its tools takes 10,116 bytes.
constexpr size_t kMaxRustV0Text = 16384;

bool IsLower(char letter) { return letter >= 'a' && letter <= 'z'; }
bool IsUpper(char letter) { return letter >= 'A' && letter <= 'Z'; }

/// What Rust makes without a name. Other capitals may come; they are shown as they are.
std::string UnnamedThing(char space) {
  switch (space) {
    case 'C':
      return "closure";
    case 'S':
      return "shim";
    default:
      return {space};
  }
}

}  // namespace

std::optional<std::string> RustV0Printer::Symbol() {
  Path(Place::kValue);
  // The crate that asked for this copy of a generic function.
  if (!reader_.at_end()) Silently([this] { Path(Place::kValue); });
  if (!reader_.ok() || !reader_.at_end() || text_.empty()) return std::nullopt;
  return std::move(text_);
}

void RustV0Printer::Path(Place place) {
  const Nesting nesting(*this);
  const char tag = reader_.Take();
  switch (tag) {
    case 'C':
      return Name(reader_.Identifier());
    case 'N':
      return NestedPath(place);
    case 'M':
    case 'X':
    case 'Y':
      return QualifiedPath(tag);
    case 'I':
      GenericPath(place);
      return Print(">");
    case 'B':
      return Refer([this, place] { Path(place); });
    default:
      return reader_.Fail();
  }
}

/// Something inside something else: in a namespace of the compiler's own it is shown by its name, in one of the others
/// by what it is and its number.
void RustV0Printer::NestedPath(Place place) {
  const char space = reader_.Take();
  if (!IsLower(space) && !IsUpper(space)) return reader_.Fail();
  Path(place);
  const RustV0Identifier name = reader_.Identifier();
  if (IsUpper(space)) {
    Print("::{" + UnnamedThing(space));
    if (!name.letters.empty()) Print(":");
    Name(name);
    Print("#" + std::to_string(name.disambiguator) + "}");
  } else if (!name.letters.empty()) {
    Print("::");
    Name(name);
  }
}

/// `<Type>` for what an impl defines (M), `<Type as Trait>` for an impl of a trait (X) or the trait's own (Y).
void RustV0Printer::QualifiedPath(char tag) {
  if (tag != 'Y') {
    // Where the impl stands; the type says more.
    reader_.Counted('s');
    Silently([this] { Path(Place::kType); });
  }
  Print("<");
  Type();
  if (tag != 'M') {
    Print(" as ");
    Path(Place::kType);
  }
  Print(">");
}

void RustV0Printer::GenericPath(Place place) {
  Path(place);
  Print(place == Place::kValue ? "::<" : "<");
  List(&RustV0Printer::GenericArgument, ", ");
}

void RustV0Printer::GenericArgument() {
  if (reader_.Eat('L')) return Lifetime(reader_.Base62());
  if (reader_.Eat('K')) return Constant(Place::kType);
  Type();
}

bool RustV0Printer::OpenPath() {
  const Nesting nesting(*this);
  if (reader_.Eat('B')) {
    bool open = false;
    Refer([this, &open] { open = OpenPath(); });
    return open;
  }
  if (reader_.Eat('I')) {
    GenericPath(Place::kType);
    return true;
  }
  Path(Place::kType);
  return false;
}

void RustV0Printer::Name(const RustV0Identifier& identifier) {
  if (silent_ > 0 || !reader_.ok()) return;
  if (!identifier.punycode) return Print(identifier.letters);
  const auto decoded = DecodePunycode(identifier.letters);
  if (!decoded) return reader_.Fail();
  Print(*decoded);
}

size_t RustV0Printer::List(Production element, std::string_view separator) {
  size_t count = 0;
  for (; reader_.More(); count++) {
    if (count > 0) Print(separator);
    (this->*element)();
  }
  return count;
}

void RustV0Printer::Print(std::string_view text) {
  if (silent_ > 0 || !reader_.ok()) return;
  if (text_.size() + text.size() > kMaxRustV0Text) return reader_.Fail();
  text_ += text;
}

}  // namespace sonde
