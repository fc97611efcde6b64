#include "core/bpf/sampler_programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <string>

#include "bpf/include/sampler_abi.h"
#include "core/bpf/object_bytes.h"

namespace sonde {
namespace {

std::string ProgramName(size_t session) { return "sample_" + std::to_string(session); }

/// Only the programs that are needed are loaded, and maps are as large as this machine needs them.
Status Fit(bpf_object* object, SamplerPrograms::Size size) {
  for (size_t session = 0; session < SONDE_MAX_SESSIONS; session++) {
    bpf_program* program = bpf_object__find_program_by_name(object, ProgramName(session).c_str());
    if (program == nullptr) return Error{EINVAL, ProgramName(session) + ": no such program"};
    bpf_program__set_autoload(program, session < size.sessions);
  }
  const std::pair<const char*, uint32_t> entries[] = {
      {"counters", size.cpus}, {"scratches", size.cpus}, {"rings", size.rings}};
  for (const auto& [name, count] : entries) {
    bpf_map* map = bpf_object__find_map_by_name(object, name);
    if (map == nullptr) return Error{EINVAL, std::string(name) + ": no such map"};
    bpf_map__set_max_entries(map, count);
  }
  if (size.ring_fd >= 0) {
    bpf_map__set_inner_map_fd(bpf_object__find_map_by_name(object, "rings"), size.ring_fd);
  }
  return Ok();
}

}  // namespace

void SamplerPrograms::Closer::operator()(bpf_object* object) const { bpf_object__close(object); }

Result<SamplerPrograms> SamplerPrograms::Load(Size size) {
  const LoadLog log;
  return Load(size, log);
}

Result<SamplerPrograms> SamplerPrograms::Load(Size size, const LoadLog& log) {
  const auto bytes = SamplerObjectBytes();
  if (bytes.empty()) return Error{ENOSYS, "load the BPF sampler: Sonde was built without clang"};
  LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "sonde_sampler");
  std::unique_ptr<bpf_object, Closer> object(
      bpf_object__open_mem(bytes.data(), bytes.size(), &options));
  if (object == nullptr) return Error{errno, "open the BPF sampler: " + log.Reason()};
  const Status fits = Fit(object.get(), size);
  if (!fits) return fits.error();
  if (const int failed = bpf_object__load(object.get()); failed != 0) {
    return Error{-failed, "load the BPF sampler: " + log.Reason()};
  }
  return SamplerPrograms(std::move(object));
}

void SamplerPrograms::Closer::operator()(bpf_link* link) const { bpf_link__destroy(link); }

void SamplerPrograms::WatchForks() {
  bpf_program* program = bpf_object__find_program_by_name(object_.get(), "process_forked");
  if (program != nullptr && !forks_) forks_.reset(bpf_program__attach(program));
}

int SamplerPrograms::ProgramFd(size_t session) const {
  return bpf_program__fd(
      bpf_object__find_program_by_name(object_.get(), ProgramName(session).c_str()));
}

int SamplerPrograms::MapFd(const char* name) const {
  return bpf_object__find_map_fd_by_name(object_.get(), name);
}

}  // namespace sonde
