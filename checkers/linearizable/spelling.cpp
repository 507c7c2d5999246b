#include "checkers/linearizable/spelling.h"

#include <algorithm>

#include "checkers/linearizable/local_ids.h"

namespace riven::linearizable {

namespace {
constexpr size_t kKeyBytes = 24;  // of a text, by which a known beginning of it is found
}

Spelling::Spelling(std::span<const Operation> part, const Texts& texts, std::string_view initial,
                   size_t values)
    : part_(part), texts_(texts), initial_(initial), values_(values) {}

Spelling::Outcome Spelling::run(const Watch& watch) {
  Reservation memory(watch.memory);
  index();
  std::vector<uint32_t> reads;
  for (uint32_t i = 0; i < part_.size(); ++i)
    if (part_[i].f == Function::read && !part_[i].pending()) reads.push_back(i);
  std::sort(reads.begin(), reads.end(),
            [&](uint32_t x, uint32_t y) { return part_[x].returned < part_[y].returned; });
  LocalIds ids(part_, values_);
  std::vector<uint32_t> known;  // by value
  for (size_t k = 0; k < reads.size(); ++k) {
    if ((k & 255) == 0 && (watch.expired() || !memory.grow_to(memory_bytes()))) return Outcome::out_of_budget;
    const uint32_t read = reads[k];
    const uint32_t value = ids.id(part_[read].a);
    if (value == known.size()) known.push_back(spell(texts_.whole(part_[read].a), read));
    seen_[read] = known[value];
    if (!contradiction_.empty()) return Outcome::contradiction;
    if (known[value] == kSeveral) return Outcome::ambiguous;
  }
  return Outcome::clear;
}

void Spelling::index() {
  for (uint32_t i = 0; i < part_.size(); ++i) {
    const Operation& op = part_[i];
    if (op.f == Function::write) put_.add(texts_.whole(op.a), i);
    // What is empty changes nothing.
    if (op.f == Function::append && !texts_.piece(op.a).empty()) appended_.add(texts_.piece(op.a), i);
  }
  seen_.assign(part_.size(), kNone);
  before_.assign(part_.size(), kNone);
  shown_by_.assign(part_.size(), kNone);
  next_.assign(part_.size() + 1, kNone);
}

uint64_t Spelling::memory_bytes() const {
  constexpr uint64_t kSpineBytes = 200;
  return part_.size() * 5 * sizeof(uint32_t) + appended_.memory_bytes() + put_.memory_bytes() +
         spines_.size() * kSpineBytes + steps_ * sizeof(Step) * 2;
}

/// The longest known text that begins as this one does, if they agree as far as both go; else a new one.
Spelling::Spine& Spelling::spine_of(std::string_view text) {
  Spine& spine = spines_[text.substr(0, kKeyBytes)];
  const size_t common = std::min(text.size(), spine.text.size());
  if (text.substr(0, common) != spine.text.substr(0, common)) {
    steps_ -= spine.steps.size();
    spine = Spine();
  }
  if (text.size() > spine.text.size() || spine.steps.empty()) extend(spine, text);
  return spine;
}

/// Notes a way to a place that is not final yet.
void Spelling::reach(const Step& step) {
  auto place = pending_.end();
  while (place != pending_.begin() && (place - 1)->at < step.at) --place;
  if (place != pending_.begin() && (place - 1)->at == step.at) {
    (place - 1)->ways = 2;
    (place - 1)->soonest = std::min((place - 1)->soonest, step.soonest);
  } else {
    pending_.insert(place, step);
  }
}

/// Follows every way beyond the text of the spine.
void Spelling::extend(Spine& spine, std::string_view text) {
  const bool fresh = spine.text.data() == nullptr;
  const size_t beyond = spine.text.size();
  const auto follow = [&](const PieceIndex& index, uint32_t found, size_t end, uint32_t before) {
    const PieceIndex::Piece& piece = index.pieces()[found];
    Step step{end, piece.first, before, part_[piece.first].invoked,
              static_cast<uint8_t>(piece.count > 1 ? 2 : 1)};
    if (before != kNone) {
      step.ways = std::max(step.ways, spine.steps[before].ways);
      step.soonest = std::max(step.soonest, spine.steps[before].soonest);
    }
    reach(step);
  };
  const auto follow_appends = [&](uint32_t before) {
    const size_t at = spine.steps[before].at;
    appended_.each_at(text, at, std::max(at, beyond),
                      [&](uint32_t found, size_t end) { follow(appended_, found, end, before); });
  };
  pending_.clear();
  if ((fresh || initial_.size() > beyond) && text.starts_with(initial_))
    reach({initial_.size(), kInitial, kNone, 0, 1});
  if (const uint32_t empty = put_.find({}); fresh && empty != PieceIndex::kNone)
    follow(put_, empty, 0, kNone);
  put_.each_at(text, 0, beyond, [&](uint32_t found, size_t end) { follow(put_, found, end, kNone); });
  const auto known = static_cast<uint32_t>(spine.steps.size());
  uint32_t from = known;
  while (from > 0 && spine.steps[from - 1].at + appended_.longest() > beyond) --from;
  for (uint32_t step = from; step < known; ++step) follow_appends(step);
  spine.text = text;
  while (!pending_.empty()) {
    spine.steps.push_back(pending_.back());
    pending_.pop_back();
    follow_appends(static_cast<uint32_t>(spine.steps.size() - 1));
  }
  steps_ += spine.steps.size() - known;
}

const std::vector<Spelling::Step>& Spelling::steps(std::string_view text) {
  if (seen_.empty()) index();
  return spine_of(text).steps;
}

/// The state that a text is, and what it says of the updates that made it.
uint32_t Spelling::spell(std::string_view text, uint32_t read) {
  Spine& spine = spine_of(text);
  const auto at = std::lower_bound(spine.steps.begin(), spine.steps.end(), text.size(),
                                   [](const Step& step, size_t place) { return step.at < place; });
  if (at == spine.steps.end() || at->at != text.size()) {
    contradiction_ = {read};
    return kNone;
  }
  if (at->ways > 1) return kSeveral;
  return tell(spine, static_cast<size_t>(at - spine.steps.begin()), read) ? at->update : kNone;
}

/// Notes the state before each update; false: another read said otherwise.
bool Spelling::tell(Spine& spine, size_t step, uint32_t read) {
  for (uint32_t at = static_cast<uint32_t>(step); at != kNone && !spine.steps[at].told;
       at = spine.steps[at].before) {
    Step& here = spine.steps[at];
    here.told = true;
    if (here.update == kInitial) break;
    if (here.before == kNone) {
      if (shown_by_[here.update] == kNone) shown_by_[here.update] = read;
      break;
    }
    const uint32_t before = spine.steps[here.before].update;
    if (shown_by_[here.update] != kNone) {
      if (before_[here.update] == before) continue;
      contradiction_ = {shown_by_[here.update], read};
    } else {
      uint32_t& next = next_[before == kInitial ? part_.size() : before];
      if (next != kNone) contradiction_ = {shown_by_[next], read};
      next = here.update;
      before_[here.update] = before;
      shown_by_[here.update] = read;
    }
    if (!contradiction_.empty()) return false;
  }
  return true;
}

}  // namespace riven::linearizable
