#pragma once

#include <cerrno>
#include <string>
#include <utility>
#include <variant>

namespace sonde {

/// A failure of the outside: which call, and its errno (0 where it was no system call).
struct Error {
  int code = 0;
  std::string what;
};

/// The error of the system call that just failed.
inline Error SystemError(std::string what) { return Error{errno, std::move(what)}; }

/// A value, or why there is none.
template <typename Value>
class [[nodiscard]] Result {
 public:
  Result(Value value) : outcome_(std::move(value)) {}
  Result(Error error) : outcome_(std::move(error)) {}
  /// A value made in place, for those that are large.
  explicit Result(std::in_place_t) : outcome_(std::in_place_type<Value>) {}

  bool ok() const { return std::holds_alternative<Value>(outcome_); }
  explicit operator bool() const { return ok(); }

  Value& operator*() { return std::get<Value>(outcome_); }
  const Value& operator*() const { return std::get<Value>(outcome_); }
  Value* operator->() { return &std::get<Value>(outcome_); }
  const Value* operator->() const { return &std::get<Value>(outcome_); }
  const Error& error() const { return std::get<Error>(outcome_); }

 private:
  std::variant<Value, Error> outcome_;
};

/// The outcome of something that makes no value.
using Status = Result<std::monostate>;
inline Status Ok() { return Status(std::monostate{}); }

}  // namespace sonde
