// What holds of whatever names code that was made at run time.
#pragma once

#include <optional>
#include <vector>

#include "core/symbols/code_index.h"
#include "core/symbols/code_name.h"
#include "core/symbols/read_budget.h"
#include "fuzz/fuzz_input.h"

namespace sonde::fuzz {

/// Looks each address up. `check` is given the code that covers it, and its name or nothing.
template <typename Source, typename Check>
void LookUpCode(const Source& source, const TargetFile& file,
                const std::vector<uint64_t>& addresses, Check&& check) {
  for (const uint64_t avma : addresses) {
    const auto code = source.Find(avma);
    if (!code) continue;
    Require(code->start <= avma && avma < code->end(), "what is found covers the address");
    ReadAllowance allowance(UINT64_MAX);
    const auto name = source.NameOf(*code, avma, file, allowance);
    Require(!name || name->function.size() <= kLongestCodeName + 3, "names are bounded");
    check(*code, name);
  }
}

}  // namespace sonde::fuzz
