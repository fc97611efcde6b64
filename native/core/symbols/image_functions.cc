#include "core/symbols/image_functions.h"

#include <elf.h>

#include <algorithm>
#include <utility>

#include "core/base/hash.h"
#include "core/base/hash_seed.h"
#include "core/symbols/go_functions.h"
#include "core/symbols/inflate.h"
#include "core/symbols/plt_functions.h"
#include "core/symbols/symbol_table.h"
#include "core/unwind/file_window.h"

namespace sonde {
namespace {

/// Of what .gnu_debugdata holds.
constexpr size_t kMaxDebugDataBytes = 64 << 20;
/// A .symtab without symbols has one entry, which is zero.
constexpr uint64_t kEmptySymtabBytes = 24;
/// Names of Node.js have 5 MiB.
constexpr uint64_t kMaxHashedNames = 64 << 20;
constexpr size_t kHashedPiece = 256 << 10;

/// The merged table, and which file its .symtab is in.
class SymbolTableSource : public FunctionSource {
 public:
  SymbolTableSource(SymbolTable table, bool in_debug_file)
      : table_(std::move(table)), in_debug_file_(in_debug_file) {}

  std::optional<Match> Find(uint64_t svma) const override {
    const auto match = table_.Find(svma);
    if (!match) return std::nullopt;
    return Match{match->symbol, match->offset};
  }
  std::string NameOf(uint32_t function, const ImageFiles& files) const override {
    if (!in_debug_file_) return table_.NameOf(function, files.image);
    return files.debug ? table_.NameOf(function, *files.debug, files.image) : std::string();
  }
  std::vector<NameRange> Names() const override {
    const auto file = in_debug_file_ ? NameRange::File::kDebug : NameRange::File::kImage;
    return {{file, table_.symbol_names()}, {NameRange::File::kImage, table_.export_names()}};
  }
  size_t bytes() const override { return sizeof(*this) + table_.bytes(); }
  std::vector<std::span<const std::byte>> Content() const override {
    auto content = table_.Content();
    content.push_back(std::as_bytes(std::span(&in_debug_file_, 1)));
    return content;
  }

 private:
  const SymbolTable table_;
  const bool in_debug_file_;
};

uint64_t IdentitySeed() {
  static const uint64_t seed = NewHashSeed();
  return seed;
}

uint64_t HashNumber(uint64_t number, uint64_t seed) {
  return HashBytes(std::as_bytes(std::span(&number, 1)), seed);
}

uint64_t HashNames(const TargetFile& file, const NameTable& names, uint64_t seed) {
  if (names.size > kMaxHashedNames) {
    // A change shows in the stamp, too; only a copy is not known as one.
    const std::string stamp = file.stamp().Text();
    return HashBytes(std::as_bytes(std::span(stamp)), seed);
  }
  FileWindow window(file, {names.file_offset, names.size});
  for (uint64_t at = 0;;) {
    const auto bytes = window.From(at, kHashedPiece);
    if (bytes.empty()) return seed;
    seed = HashBytes(std::as_bytes(bytes), seed);
    at += bytes.size();
  }
}

uint64_t IdentityOf(const ImageFunctions& functions, const ImageFiles& files,
                    const ElfHeaders& headers) {
  uint64_t hash = HashNumber(functions.sources().size(), IdentitySeed());
  for (const LoadSegment& load : headers.loads) {
    for (const uint64_t part : {load.svma, load.file_offset, load.file_size}) {
      hash = HashNumber(part, hash);
    }
  }
  for (const auto& source : functions.sources()) {
    for (const auto bytes : source->Content()) hash = HashBytes(bytes, hash);
    for (const NameRange& range : source->Names()) {
      const bool in_image = range.file == NameRange::File::kImage;
      if (in_image || files.debug) {
        hash = HashNames(in_image ? files.image : *files.debug, range.names, hash);
      }
    }
  }
  return hash;
}

}  // namespace

/// Collects the sources of one image.
class ImageFunctions::Reader {
 public:
  Reader(const ImageFiles& files, const SymbolOptions& options, size_t max_bytes)
      : files_(files), options_(options), max_bytes_(max_bytes) {}

  Result<ImageFunctions> Run();

 private:
  template <typename Source>
  void Add(Result<Source> source);
  Status AddSymbols();
  Result<std::optional<TargetFile>> ChooseSymbols(SymbolParts& parts);
  Status AddTable(const SymbolParts& parts);
  void Note(const std::string& what);

  const ImageFiles& files_;
  const SymbolOptions& options_;
  const size_t max_bytes_;
  ElfHeaders headers_;
  std::vector<ElfSection> sections_;
  ImageFunctions functions_;
};

Result<ImageFunctions> ImageFunctions::Read(const ImageFiles& files, const SymbolOptions& options,
                                            size_t max_bytes) {
  return Reader(files, options, max_bytes).Run();
}

Result<ImageFunctions> ImageFunctions::Reader::Run() {
  auto headers = ElfHeaders::Read(files_.image);
  if (!headers) return headers.error();
  headers_ = std::move(*headers);
  auto sections = ReadElfSections(files_.image, headers_);
  if (!sections) return sections.error();
  sections_ = std::move(*sections);

  bool symbols_added = false;
  for (const SymbolSource source : options_.sources) {
    switch (source) {
      case SymbolSource::kGo:
        Add(GoFunctions::Read(files_.image, sections_, max_bytes_));
        break;
      case SymbolSource::kPlt:
        if (headers_.IsNative()) Add(PltFunctions::Read(files_.image, sections_, max_bytes_));
        break;
      case SymbolSource::kSymtab:
      case SymbolSource::kDebugFile:
      case SymbolSource::kDebugData:
      case SymbolSource::kDynsym: {
        if (std::exchange(symbols_added, true)) break;
        const auto added = AddSymbols();
        if (!added) return added.error();
        break;
      }
    }
  }
  functions_.identity_ = IdentityOf(functions_, files_, headers_);
  return std::move(functions_);
}

/// A source beside the symbols: what has none is no news.
template <typename Source>
void ImageFunctions::Reader::Add(Result<Source> source) {
  if (source) {
    functions_.sources_.push_back(std::make_shared<const Source>(std::move(*source)));
  } else if (source.error().code != ENOENT) {
    Note(source.error().what);
  }
}

void ImageFunctions::Reader::Note(const std::string& what) {
  if (!functions_.note_.empty()) functions_.note_ += "; ";
  functions_.note_ += what;
}

/// Of the file's own table, the debug file's and the compressed one the first that is there, merged with the exports.
Status ImageFunctions::Reader::AddSymbols() {
  SymbolParts parts;
  if (options_.Uses(SymbolSource::kDynsym)) parts.exports = &files_.image;
  auto unpacked = ChooseSymbols(parts);
  if (!unpacked) {
    Note(unpacked.error().what);
  } else if (*unpacked) {
    parts.symbols = &**unpacked;
    parts.keep_names = true;
  }
  const auto added = AddTable(parts);
  if (added || parts.symbols == nullptr || parts.symbols == &files_.image) return added;
  Note("its debug symbols: " + added.error().what);
  return AddTable({.exports = parts.exports});
}

Result<std::optional<TargetFile>> ImageFunctions::Reader::ChooseSymbols(SymbolParts& parts) {
  for (const SymbolSource source : options_.sources) {
    if (source == SymbolSource::kSymtab && HasSymtab(sections_)) {
      parts.symbols = &files_.image;
      break;
    }
    if (source == SymbolSource::kDebugFile && files_.debug) {
      parts.symbols = &*files_.debug;
      break;
    }
    const ElfSection* packed = FindSection(sections_, ".gnu_debugdata");
    if (source == SymbolSource::kDebugData && packed != nullptr) {
      auto unpacked = UnpackXz(files_.image, *packed, kMaxDebugDataBytes);
      if (!unpacked) return unpacked.error();
      return std::optional(std::move(*unpacked));
    }
  }
  return std::optional<TargetFile>();
}

Status ImageFunctions::Reader::AddTable(const SymbolParts& parts) {
  auto table = SymbolTable::Read(parts, max_bytes_);
  if (!table) return table.error();
  const bool in_debug_file = files_.debug && parts.symbols == &*files_.debug;
  functions_.sources_.push_back(
      std::make_shared<const SymbolTableSource>(std::move(*table), in_debug_file));
  return Ok();
}

std::optional<ImageFunctions::Match> ImageFunctions::Find(uint64_t svma) const {
  for (uint32_t source = 0; source < sources_.size(); source++) {
    const auto match = sources_[source]->Find(svma);
    if (match) return Match{source, match->function, match->offset};
  }
  return std::nullopt;
}

std::string ImageFunctions::NameOf(const Match& match, const ImageFiles& files) const {
  if (match.source >= sources_.size()) return {};
  return sources_[match.source]->NameOf(match.function, files);
}

bool HasSymtab(const std::vector<ElfSection>& sections) {
  return std::ranges::any_of(sections, [](const ElfSection& section) {
    return section.type == SHT_SYMTAB && (section.compressed || section.size > kEmptySymtabBytes);
  });
}

}  // namespace sonde
