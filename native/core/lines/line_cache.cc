#include "core/lines/line_cache.h"

#include <algorithm>

namespace sonde {
namespace {

/// Map nodes and vectors of one answer and of one text, and of one image, roughly.
constexpr size_t kAnswerBytes = 96;
constexpr size_t kTextBytes = 120;
constexpr size_t kImageBytes = 512;

}  // namespace

const ImageLines::Known* ImageLines::Find(uint64_t address) const {
  const auto found = known_.find(address);
  return found == known_.end() ? nullptr : &found->second;
}

void ImageLines::Add(std::span<const AskedAddress> asked, const LineAnswers& answers) {
  for (size_t i = 0; i < asked.size(); i++) {
    if (!answers.answers()[i]) continue;
    LineAnswer answer = *answers.answers()[i];
    for (LineEntry& entry : answer.lines) {
      entry.function = NumberOf(answers.texts()[entry.function]);
      entry.file = NumberOf(answers.texts()[entry.file]);
    }
    bytes_ += kAnswerBytes + answer.lines.size() * sizeof(LineEntry);
    known_.insert_or_assign(asked[i].address, Known{asked[i].svma, std::move(answer)});
  }
}

uint32_t ImageLines::NumberOf(const std::string& text) {
  const auto [entry, is_new] = numbers_.try_emplace(text, static_cast<uint32_t>(texts_.size()));
  if (is_new) {
    texts_.push_back(text);
    bytes_ += kTextBytes + 2 * text.size();
  }
  return entry->second;
}

ImageLines& LineCache::Of(const std::string& key) {
  const auto found = by_key_.find(key);
  if (found != by_key_.end()) {
    items_.splice(items_.begin(), items_, found->second);
  } else {
    items_.push_front({key, {}});
    by_key_[key] = items_.begin();
  }
  return items_.front().lines;
}

void LineCache::Trim() {
  while (bytes() > max_bytes_ && items_.size() > 1) {
    by_key_.erase(items_.back().key);
    items_.pop_back();
  }
  if (bytes() > max_bytes_ && !items_.empty()) items_.front().lines = {};
}

size_t LineCache::bytes() const {
  size_t sum = 0;
  for (const Item& item : items_) sum += kImageBytes + item.key.size() + item.lines.bytes();
  return sum;
}

}  // namespace sonde
