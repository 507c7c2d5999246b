#include "checkers/isolation/gathered.h"

namespace riven::checkers::isolation {

std::vector<Range> GatheredValues::groups() const {
  const size_t keys = t_.keys.size();
  if (history_.spilled_bytes() == 0) return {{0, keys}};
  std::vector<Range> out;
  uint64_t bytes = 0;
  for (size_t k = 0; k < keys; ++k) {
    bytes += t_.value_bytes[k];
    if (out.empty() || bytes > most_bytes_) {
      out.push_back({k, k});
      bytes = t_.value_bytes[k];
    }
    out.back().end = k + 1;
  }
  return out;
}

void GatheredValues::gather(Range keys) {
  if (history_.spilled_bytes() == 0) return;
  uint64_t total = 0;
  for (size_t k = keys.begin; k < keys.end; ++k) total += t_.value_bytes[k];
  bytes_.reserve(total);
  ReadBehind behind(history_);
  for (uint32_t txn = 0; txn < t_.size(); ++txn) {
    for (uint32_t m = t_.begin_of(txn); m < t_.end_of(txn); ++m) {
      if (t_.mops[m].key < keys.begin || t_.mops[m].key >= keys.end) continue;
      behind.read(t_.value_entry(txn));
      const uint8_t* const from = t_.values[m];
      t_.values[m] = bytes_.data() + bytes_.size();
      bytes_.insert(bytes_.end(), from, skip_value(from));
      moved_.push_back({m, from});
    }
  }
}

void GatheredValues::give_back() {
  for (const Moved& moved : moved_) t_.values[moved.mop] = moved.from;
  moved_ = {};
  bytes_ = {};
}

}  // namespace riven::checkers::isolation
