// Makes jitdumps, record by record.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace sonde {

class JitdumpBytes {
 public:
  struct Header {
    uint32_t pid = 0;
    uint64_t flags = 0;
    bool swapped = false;  ///< the other order of bytes
    uint32_t version = 1;
  };

  explicit JitdumpBytes(const Header& header) : swapped_(header.swapped) {
    Number<uint32_t>(0x4a695444).Number(header.version).Number<uint32_t>(40);
    Number<uint32_t>(62).Number<uint32_t>(0).Number(header.pid);
    Number<uint64_t>(1).Number(header.flags);
  }

  JitdumpBytes& Load(uint64_t time, uint64_t address, uint64_t size, const std::string& name) {
    Record(0, time, 40 + name.size() + 1 + 4);
    Number<uint32_t>(1).Number<uint32_t>(1).Number(address).Number(address).Number(size);
    Number<uint64_t>(index_++);
    return Text(name).Text("...");
  }
  JitdumpBytes& Move(uint64_t time, uint64_t from, uint64_t to, uint64_t size) {
    Record(1, time, 48);
    Number<uint32_t>(1).Number<uint32_t>(1).Number(to).Number(from).Number(to).Number(size);
    return Number<uint64_t>(0);
  }
  struct Line {
    uint64_t address = 0;
    int32_t line = 0;
    std::string file = {};
  };
  JitdumpBytes& Lines(uint64_t time, uint64_t address, const std::vector<Line>& lines) {
    size_t size = 16;
    for (const Line& line : lines) size += 16 + line.file.size() + 1;
    Record(2, time, size).Number(address).Number<uint64_t>(lines.size());
    for (const Line& line : lines) {
      Number(line.address).Number(line.line).Number<int32_t>(0).Text(line.file);
    }
    return *this;
  }
  /// A record of any kind, with `size` zero bytes.
  JitdumpBytes& Other(uint32_t kind, uint64_t time, size_t size) {
    Record(kind, time, size);
    bytes_.append(size, '\0');
    return *this;
  }
  JitdumpBytes& Raw(const std::string& bytes) {
    bytes_ += bytes;
    return *this;
  }

  const std::string& bytes() const { return bytes_; }
  std::string TakeBytes() { return std::exchange(bytes_, {}); }

 private:
  template <typename Value>
  JitdumpBytes& Number(Value value) {
    char raw[sizeof(Value)];
    std::memcpy(raw, &value, sizeof(raw));
    if (swapped_) std::reverse(raw, raw + sizeof(raw));
    bytes_.append(raw, sizeof(raw));
    return *this;
  }
  JitdumpBytes& Record(uint32_t kind, uint64_t time, size_t size) {
    return Number(kind).Number(static_cast<uint32_t>(size + 16)).Number(time);
  }
  JitdumpBytes& Text(const std::string& text) {
    bytes_.append(text.c_str(), text.size() + 1);
    return *this;
  }

  std::string bytes_;
  const bool swapped_;
  uint64_t index_ = 1;
};

}  // namespace sonde
