#include "core/unwind/cfi.h"

#include <algorithm>
#include <optional>

#include "core/unwind/cfi_index.h"
#include "core/unwind/cfi_program.h"
#include "core/unwind/cfi_section.h"
#include "core/unwind/eh_frame_header.h"

namespace sonde {
namespace {

/// Two lengths, an id, an address and a size of two bytes each.
constexpr size_t kMinFdeBytes = 12;

Error NoFunctions() { return Error{ENOEXEC, "CFI: no function that can be read"}; }

/// Finds the FDE by the header's table where there is one, else by the index.
class CfiRowSource : public RowSource {
 public:
  CfiRowSource(CfiSection section, const Architecture& architecture,
               std::optional<EhFrameHeader> header, CfiIndex index)
      : section_(std::move(section)),
        architecture_(architecture),
        header_(std::move(header)),
        index_(std::move(index)) {}

  Result<CfiRow> Find(uint64_t svma) const override;
  size_t functions() const override;
  size_t bytes() const override;

 private:
  const CfiSection section_;
  const Architecture architecture_;
  const std::optional<EhFrameHeader> header_;
  const CfiIndex index_;
};

Result<CfiRow> CfiRowSource::Find(uint64_t svma) const {
  const auto place = header_ ? header_->Find(svma) : index_.Find(svma);
  if (!place) return Error{ENOENT, "CFI: before the first function"};
  const Fde fde = section_.ReadFdeAt(place->fde);
  // A table says where to look, and no more.
  if (!fde.readable || fde.svma != place->svma) return Error{ENOEXEC, "CFI: damaged entry"};
  if (!fde.Covers(svma)) return Error{ENOENT, "CFI: between functions"};
  return RunCfi(section_, fde, svma, architecture_);
}

size_t CfiRowSource::functions() const {
  if (!header_) return index_.functions();
  return std::min(header_->functions(), section_.bytes().size() / kMinFdeBytes);
}

size_t CfiRowSource::bytes() const {
  return sizeof(*this) + section_.capacity() + (header_ ? header_->capacity() : 0) + index_.bytes();
}

Result<std::unique_ptr<RowSource>> MakeIndexed(CfiSection section,
                                               const Architecture& architecture) {
  auto index = CfiIndex::Build(section);
  if (!index) return index.error();
  if (index->functions() == 0) return NoFunctions();
  return std::unique_ptr<RowSource>(std::make_unique<CfiRowSource>(
      std::move(section), architecture, std::nullopt, std::move(*index)));
}

}  // namespace

Result<std::unique_ptr<RowSource>> MakeEhFrame(EhFrameSections sections,
                                               const Architecture& architecture) {
  CfiSection frames(std::move(sections.frames), CfiFormat::kEhFrame);
  auto header = EhFrameHeader::Read(std::move(sections.header), frames);
  if (!header) return MakeIndexed(std::move(frames), architecture);
  return std::unique_ptr<RowSource>(std::make_unique<CfiRowSource>(std::move(frames), architecture,
                                                                   std::move(header), CfiIndex{}));
}

Result<std::unique_ptr<RowSource>> MakeDebugFrame(SectionBytes frames,
                                                  const Architecture& architecture) {
  return MakeIndexed(CfiSection(std::move(frames), CfiFormat::kDebugFrame), architecture);
}

}  // namespace sonde
