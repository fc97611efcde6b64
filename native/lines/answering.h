#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "lines/answer_writer.h"
#include "lines/dwarf_file.h"

namespace sonde {

/// Answers every address (ascending) of a request, unit by unit, each as soon as it is known.
/// Returns why some have no answer, empty where all that DWARF has was said.
std::string AnswerAll(const DwarfFile& file, std::span<const uint64_t> addresses,
                      AnswerWriter& writer);

}  // namespace sonde
