// Programs that the go command builds for a test.
#pragma once

#include <elf.h>
#include <fcntl.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "core/symbols/elf_headers.h"
#include "core/symbols/elf_sections.h"
#include "core/symbols/target_file.h"
#include "core/unwind/go_table.h"

namespace sonde::test {

/// A way of building.
struct GoBuild {
  std::string name;
  /// Of the go command.
  std::string environment = "CGO_ENABLED=0";
  std::string arguments = "";
  /// C code comes first in it, and C's linker makes it.
  bool needs_c = false;
  /// For aarch64, whatever this machine is.
  bool arm = false;
};

inline std::ostream& operator<<(std::ostream& out, const GoBuild& build) {
  return out << build.name;
}

/// What a command writes, and whether it succeeded.
inline std::pair<std::string, bool> RunShell(const std::string& command) {
  FILE* pipe = popen(("(" + command + ") 2>&1").c_str(), "r");
  std::string output;
  char piece[4096];
  while (const size_t size = fread(piece, 1, sizeof(piece), pipe)) output.append(piece, size);
  return {output, pclose(pipe) == 0};
}

/// A directory with a program in it, gone after the test.
class GoProgram {
 public:
  explicit GoProgram(GoBuild build) : build_(std::move(build)) {
    std::string pattern = testing::TempDir() + "sonde-go-XXXXXX";
    directory_ = mkdtemp(pattern.data());
    std::ofstream(directory_ + "/main.go") << Source();
    // Without a home the go command has no place for what it has compiled.
    const bool has_cache = getenv("HOME") != nullptr || getenv("GOCACHE") != nullptr;
    command_ = "cd " + directory_ + " && " + (has_cache ? "" : "GOCACHE=$PWD/cache ") +
               "GOENV=off GOFLAGS= GOWORK=off GO111MODULE=off GOTOOLCHAIN=local " +
               build_.environment + " go ";
  }
  ~GoProgram() { std::filesystem::remove_all(directory_); }
  GoProgram(const GoProgram&) = delete;
  GoProgram& operator=(const GoProgram&) = delete;

  static bool HasGo() { return RunShell("GOENV=off GOFLAGS= go version").second; }
  static bool HasC() { return RunShell("gcc --version").second; }

  /// The path of the program; a failed build fails the test. `linker_flags`: as -s -w.
  std::string Make(const std::string& linker_flags = "") {
    const std::string path = directory_ + "/program" + std::to_string(++made_);
    const std::string external = build_.needs_c ? "-linkmode=external " : "";
    const auto [output, done] = RunShell(command_ + "build -o " + path + " -ldflags='" + external +
                                         linker_flags + "' " + build_.arguments + " main.go");
    EXPECT_TRUE(done) << output;
    return path;
  }

  /// The names of its functions, by where they begin. Without what tells calling conventions apart.
  std::map<uint64_t, std::string> Functions(const std::string& path) const {
    std::istringstream lines(RunShell(command_ + "tool nm " + path).first);
    std::map<uint64_t, std::string> functions;
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string svma, type, name;
      words >> svma >> type >> name;
      if (type != "T" && type != "t") continue;
      functions[std::stoull(svma, nullptr, 16)] = name.substr(0, name.find(".abi0"));
    }
    return functions;
  }

 private:
  /// Enough of the library to have each kind of function. Assembly of crypto/sha512 moves the stack pointer.
  std::string Source() const {
    return std::string("package main\n") + (build_.needs_c ? kC : "") + R"(
import ("crypto/sha512"; "encoding/json"; "fmt"; "os"; "time")
func main() {
  fmt.Println(sha512.Sum512([]byte(time.Now().String())))
  json.NewEncoder(os.Stdout).Encode(map[string]interface{}{"a": 1})
)" + (build_.needs_c ? "  fmt.Println(C.twice(3))\n}\n" : "}\n");
  }
  static constexpr const char* kC = R"(
// #include <stdlib.h>
// static int twice(int a) { return a + abs(a); }
import "C"
)";

  const GoBuild build_;
  std::string directory_;
  std::string command_;
  int made_ = 0;
};

inline Result<GoTable> TableOfFile(const TargetFile& file) {
  const auto headers = ElfHeaders::Read(file);
  if (!headers) return headers.error();
  const auto sections = ReadElfSections(file, *headers);
  if (!sections) return sections.error();
  return GoTable::Read(file, *sections);
}

/// Its table as the agent reads it. `as_own`: the file is one of another machine, and passed off as one of this.
inline Result<GoTable> TableOfProgram(const std::string& path, bool as_own) {
  if (as_own) {
    constexpr Elf64_Half kOwn =
#if defined(__aarch64__)
        EM_AARCH64;
#else
        EM_X86_64;
#endif
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(offsetof(Elf64_Ehdr, e_machine));
    file.write(reinterpret_cast<const char*>(&kOwn), sizeof(kOwn));
  }
  const auto file = TargetFile::FromDescriptor(UniqueFd(open(path.c_str(), O_RDONLY | O_CLOEXEC)));
  return file ? TableOfFile(*file) : file.error();
}

}  // namespace sonde::test
