#include "core/unwind/cfi.h"

#include <utility>

#include "core/unwind/cfi_index.h"
#include "core/unwind/cfi_program.h"
#include "core/unwind/cfi_section.h"
#include "core/unwind/eh_frame_header.h"

namespace sonde {
namespace {

/// `Places` knows where FDEs are: the table of the file, or our own index.
template <typename Places>
class CfiRowSource : public RowSource {
 public:
  CfiRowSource(CfiSection section, Places places, const Architecture& architecture)
      : section_(std::move(section)), places_(std::move(places)), architecture_(architecture) {}

  Result<CfiRow> Find(uint64_t svma) const override;
  SvmaRange GapAt(uint64_t svma) const override;
  size_t functions() const override { return places_.functions(); }
  size_t bytes() const override { return sizeof(*this) + section_.capacity() + places_.capacity(); }

 private:
  const CfiSection section_;
  const Places places_;
  const Architecture architecture_;
};

template <typename Places>
Result<CfiRow> CfiRowSource<Places>::Find(uint64_t svma) const {
  const auto place = places_.Find(svma);
  if (!place) return Error{ENOENT, "CFI: before the first function"};
  const Fde fde = section_.ReadFdeAt(place->fde);
  // A table says where to look, and no more.
  if (!fde.readable || fde.svma != place->svma) return Error{ENOEXEC, "CFI: damaged entry"};
  if (!fde.Covers(svma)) return Error{ENOENT, "CFI: between functions"};
  return RunCfi(section_, fde, svma, architecture_);
}

template <typename Places>
SvmaRange CfiRowSource<Places>::GapAt(uint64_t svma) const {
  SvmaRange gap{.start = 0, .end = places_.NextBehind(svma).value_or(UINT64_MAX)};
  const auto before = places_.Find(svma);
  if (before) {
    const Fde fde = section_.ReadFdeAt(before->fde);
    gap.start = fde.svma + fde.size;
  }
  return gap;
}

template <typename Places>
std::unique_ptr<RowSource> MakeSource(CfiSection section, Places places,
                                      const Architecture& architecture) {
  return std::make_unique<CfiRowSource<Places>>(std::move(section), std::move(places),
                                                architecture);
}

Result<std::unique_ptr<RowSource>> MakeIndexed(CfiSection section,
                                               const Architecture& architecture) {
  auto index = CfiIndex::Build(section);
  if (!index) return index.error();
  if (index->functions() == 0) return Error{ENOEXEC, "CFI: no function that can be read"};
  return MakeSource(std::move(section), std::move(*index), architecture);
}

}  // namespace

Result<std::unique_ptr<RowSource>> MakeEhFrame(EhFrameSections sections,
                                               const Architecture& architecture) {
  CfiSection frames(std::move(sections.frames), CfiFormat::kEhFrame);
  auto header = EhFrameHeader::Read(std::move(sections.header), frames);
  if (!header) return MakeIndexed(std::move(frames), architecture);
  return MakeSource(std::move(frames), std::move(*header), architecture);
}

Result<std::unique_ptr<RowSource>> MakeDebugFrame(SectionBytes frames,
                                                  const Architecture& architecture) {
  return MakeIndexed(CfiSection(std::move(frames), CfiFormat::kDebugFrame), architecture);
}

}  // namespace sonde
