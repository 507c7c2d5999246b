#include "checkers/linearizable/narrative_texts.h"

#include <algorithm>

#include "checkers/linearizable/texts.h"

namespace riven::linearizable {

namespace {

class TextNarrator {
 public:
  TextNarrator(const Projection& projection, const History& history, std::span<const Operation> part,
               const Texts& texts, const Evidence& evidence)
      : history_(history), part_(part), texts_(texts), initial_(texts.whole(projection.initial)) {
    for (const uint32_t i : evidence.operations) {
      if (part[i].f == Function::read && !part[i].pending()) reads_.push_back(i);
      if (part[i].f != Function::read && !part[i].pending()) updates_.push_back(i);
    }
    std::sort(reads_.begin(), reads_.end(),
              [&](uint32_t x, uint32_t y) { return part_[x].returned < part_[y].returned; });
  }

  std::optional<std::string> tell() const {
    if (reads_.empty()) return std::nullopt;
    for (const uint32_t read : reads_)
      if (auto told = tell_impossible(read)) return told;
    for (const uint32_t read : reads_)
      if (auto told = tell_two_orders(read)) return told;
    if (auto told = tell_shorter(reads_.back())) return told;
    return tell_missing(reads_.back());
  }

 private:
  std::string name(uint32_t i) const { return name_operation(history_, part_[i]); }
  std::string_view text(uint32_t read) const { return texts_.whole(part_[read].a); }

  /// Nothing that was put or appended before it returned makes the text, however it is put together.
  std::optional<std::string> tell_impossible(uint32_t read) const {
    const std::string_view whole = text(read);
    PieceIndex pieces;
    std::vector<bool> made(whole.size() + 1, false);
    if (whole.starts_with(initial_)) made[initial_.size()] = true;
    for (uint32_t i = 0; i < part_.size() && part_[i].invoked < part_[read].returned; ++i) {
      if (part_[i].f == Function::write && whole.starts_with(texts_.whole(part_[i].a)))
        made[texts_.whole(part_[i].a).size()] = true;
      if (part_[i].f == Function::append && !texts_.piece(part_[i].a).empty())
        pieces.add(texts_.piece(part_[i].a), i);
    }
    for (size_t at = 0; at < whole.size(); ++at)
      if (made[at]) pieces.each_at(whole, at, at, [&](uint32_t, size_t end) { made[end] = true; });
    if (made[whole.size()]) return std::nullopt;
    return name(read) + ", but nothing that had been put and appended makes that value";
  }

  /// Neither text begins with the other, and they begin alike.
  std::optional<std::string> tell_two_orders(uint32_t read) const {
    for (const uint32_t other : reads_) {
      if (other == read || reads_.size() != 2 || !updates_.empty()) continue;
      const std::string_view x = text(read);
      const std::string_view y = text(other);
      if (x.empty() || y.empty() || x.starts_with(y) || y.starts_with(x)) continue;
      return name(read) + " and " + name(other) +
             " contradict each other: no order of the puts and appends makes both values";
    }
    return std::nullopt;
  }

  /// The last read shows the beginning of what another had shown before it was invoked.
  std::optional<std::string> tell_shorter(uint32_t last) const {
    for (const uint32_t other : reads_) {
      if (part_[other].returned >= part_[last].invoked || text(other).size() <= text(last).size()) continue;
      if (!text(other).starts_with(text(last))) continue;
      return name(last) + " is stale, as it seems: " + name(other) +
             " had returned before, and shows more behind the same beginning";
    }
    return std::nullopt;
  }

  /// The last read does not show what had been put or appended before it was invoked.
  std::optional<std::string> tell_missing(uint32_t last) const {
    for (const uint32_t i : updates_) {
      const std::string_view given =
          part_[i].f == Function::append ? texts_.piece(part_[i].a) : texts_.whole(part_[i].a);
      if (part_[i].returned >= part_[last].invoked || given.empty()) continue;
      if (text(last).find(given) != std::string_view::npos) continue;
      return name(last) + " does not show the " + name(i) +
             ", which had completed before; the conflict's other operations leave it no other place";
    }
    return std::nullopt;
  }

  const History& history_;
  std::span<const Operation> part_;
  const Texts& texts_;
  std::string_view initial_;
  std::vector<uint32_t> reads_;    // of the conflict, by return
  std::vector<uint32_t> updates_;  // of the conflict, completed
};

}  // namespace

std::optional<std::string> tell_texts(const Projection& projection, const History& history,
                                      std::span<const Operation> part, const Evidence& evidence) {
  const Texts texts(part, projection);
  if (!texts.apply()) return std::nullopt;
  return TextNarrator(projection, history, part, texts, evidence).tell();
}

}  // namespace riven::linearizable
