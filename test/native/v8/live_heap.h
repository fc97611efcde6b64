// A forged heap in this very process's memory, which is read as any target's is.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <stdexcept>

#include "core/v8/layout.h"
#include "v8/forged_heap.h"

namespace sonde::test {

class LiveHeap {
 public:
  LiveHeap() {
    void* const wanted = reinterpret_cast<void*>(ForgedHeap::kBase);
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
    if (mmap(wanted, kMaxBytes, PROT_READ | PROT_WRITE, flags, -1, 0) != wanted) {
      throw std::runtime_error("no room for a heap at its addresses");
    }
  }
  ~LiveHeap() { munmap(reinterpret_cast<void*>(ForgedHeap::kBase), kMaxBytes); }
  LiveHeap(const LiveHeap&) = delete;
  LiveHeap& operator=(const LiveHeap&) = delete;

  /// From now on memory holds what `forged` does.
  void Publish() {
    if (forged.size() > kMaxBytes) throw std::runtime_error("the heap is too large");
    std::memcpy(reinterpret_cast<void*>(ForgedHeap::kBase), forged.bytes().data(), forged.size());
  }
  uint32_t pid() const { return static_cast<uint32_t>(getpid()); }

  ForgedHeap forged;
  V8ImagePtr image =
      std::make_shared<const V8Image>(V8Image{.version = "12.4", .layout = forged.layout});

 private:
  static constexpr size_t kMaxBytes = 2 << 20;
};

/// An interpreted function.
struct LiveFunction {
  V8Object bytecode = 0;
  V8Object shared = 0;
  V8Object closure = 0;

  static LiveFunction Make(ForgedHeap& heap, const std::string& name,
                           const std::string& file = "/app/server.js") {
    LiveFunction made{.bytecode = heap.Bytecode()};
    const V8Object script = heap.Script(heap.Text(file), heap.Text("//\n"));
    made.shared = heap.Shared(made.bytecode, heap.ScopeInfo(heap.Text(name), 0, 1), script);
    made.closure = heap.Function(made.shared);
    return made;
  }
};

}  // namespace sonde::test
