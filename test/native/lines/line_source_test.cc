#include "core/lines/line_source.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "symbols/elf_builder.h"

namespace sonde {
namespace {

/// An image without DWARF, and its debug file with it, removed with the test.
class LineSourcesTest : public testing::Test {
 protected:
  LineSourcesTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "sonde-line-source-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    Write("image", {{{"function", kTextSvma, 16}}, {}});
    TestElf debug = {{}, {}};
    debug.sections = {{".debug_info", "not looked at here"}};
    Write("debug/.build-id/ab/cdef.debug", debug);
  }
  ~LineSourcesTest() override { std::filesystem::remove_all(folder_); }

  void Write(const std::filesystem::path& name, const TestElf& elf) const {
    std::filesystem::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << elf.Bytes();
  }
  /// Whether a policy of these sources finds DWARF for the image.
  bool FindsDwarf(const std::vector<SymbolSource>& sources) const {
    LineSources found({.sources = sources, .debug_directories = {folder_ / "debug"}});
    NameRequest request;
    request.kind = NameRequest::Kind::kFile;
    request.path = folder_ / "image";
    request.identity.build_id = TestElf{}.build_id;
    const auto source = found.Open(request);
    EXPECT_TRUE(source.ok());
    return source.ok() && source->dwarf.has_value();
  }

  std::filesystem::path folder_;
};

TEST_F(LineSourcesTest, DebugFilesAreReadWhereThePolicyHasThemAsASource) {
  EXPECT_TRUE(FindsDwarf({SymbolSource::kDebugFile}));
  EXPECT_TRUE(FindsDwarf({SymbolSource::kSymtab, SymbolSource::kDebugFile}))
      << "the image's own symbols are no lines";
  EXPECT_FALSE(FindsDwarf({SymbolSource::kSymtab, SymbolSource::kDynsym}));
  EXPECT_FALSE(FindsDwarf({}));
}

}  // namespace
}  // namespace sonde
