#include "core/bpf/probe_types.h"

#include <bpf/btf.h>

#include <memory>
#include <utility>

#include "core/bpf/probe_calls.h"

namespace sonde::probe {
namespace {

constexpr char kKernelTypes[] = "/sys/kernel/btf/vmlinux";

struct FreeTypes {
  void operator()(btf* types) const { btf__free(types); }
};

}  // namespace

Result<KernelTypes> KernelTypes::Read() {
  btf* types = btf__parse_raw(kKernelTypes);
  if (types == nullptr) return SystemError(std::string("reading ") + kKernelTypes);
  return KernelTypes(types);
}

KernelTypes::KernelTypes(KernelTypes&& other) noexcept
    : types_(std::exchange(other.types_, nullptr)) {}

KernelTypes::~KernelTypes() { btf__free(types_); }

Result<uint32_t> KernelTypes::Function(const std::string& name) const {
  return Find(name, BTF_KIND_FUNC);
}

Result<uint32_t> KernelTypes::Tracepoint(const std::string& name) const {
  return Find("btf_trace_" + name, BTF_KIND_TYPEDEF);
}

Result<uint32_t> KernelTypes::Find(const std::string& name, uint32_t kind) const {
  const int id = btf__find_by_name_kind(types_, name.c_str(), kind);
  if (id < 0) return Error{-id, "looking for " + name + " in " + kKernelTypes};
  return static_cast<uint32_t>(id);
}

Result<OwnTypes> OwnTypes::Load() {
  const std::unique_ptr<btf, FreeTypes> types(btf__new_empty());
  if (types == nullptr) return SystemError("making BTF");
  const int integer = btf__add_int(types.get(), "int", 4, BTF_INT_SIGNED);
  const int prototype = btf__add_func_proto(types.get(), integer);
  const int program = btf__add_func(types.get(), "sonde_probe", BTF_FUNC_STATIC, prototype);
  const int callback = btf__add_func(types.get(), "sonde_callback", BTF_FUNC_STATIC, prototype);
  if (callback < 0) return Error{-callback, "making BTF"};
  uint32_t size = 0;
  const auto* bytes = static_cast<const std::byte*>(btf__raw_data(types.get(), &size));
  if (bytes == nullptr) return SystemError("making BTF");
  auto fd = LoadBtf({bytes, size});
  if (!fd) return Error{fd.error().code, "BPF_BTF_LOAD"};
  return OwnTypes{.fd = std::move(*fd),
                  .integer = static_cast<uint32_t>(integer),
                  .functions = {static_cast<uint32_t>(program), static_cast<uint32_t>(callback)}};
}

}  // namespace sonde::probe
