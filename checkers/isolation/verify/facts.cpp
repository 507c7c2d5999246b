#include "checkers/isolation/verify/facts.h"

#include <algorithm>

namespace riven::checkers::isolation {

bool Facts::is_transaction(uint32_t invoke) const {
  return invoke < history_.size() && history_.is_client(invoke) && history_.type(invoke) == OpType::invoke;
}

bool Facts::completion(uint32_t invoke, OpType type) const {
  if (!is_transaction(invoke)) return false;
  const uint32_t end = history_.pair(invoke);
  return end != History::kNone && history_.type(end) == type;
}

// A completion has what was asked for and what came of it; without one that is ok only the former is known.
ValueView Facts::value(uint32_t invoke) const {
  return history_.value(returned(invoke) ? history_.pair(invoke) : invoke);
}

uint32_t Facts::size(uint32_t invoke) const {
  if (!is_transaction(invoke)) return 0;
  const ValueView all = value(invoke);
  return all.is_list() && !all.is_integer_list() ? static_cast<uint32_t>(all.size()) : 0;
}

namespace {

bool reads_by_name(std::string_view name) { return name == "r" || name == "read" || name == "rp"; }

std::optional<RawMop> parsed(const ValueView& one) {
  if (!one.is_list() || one.is_integer_list()) return std::nullopt;
  const size_t parts = one.size();
  if (parts < 2 || !one.at(0).is_text()) return std::nullopt;
  RawMop out;
  out.name = one.at(0).symbol().text();
  if (parts < 3 && out.name != "delete") return std::nullopt;
  out.key = one.at(1).to_value();
  if (parts > 2) out.value = one.at(2);
  if (parts > 3 && one.at(3).is_integer()) out.number = one.at(3).integer();
  out.does = !reads_by_name(out.name) ? RawMop::Does::writes
             : out.name == "rp"       ? RawMop::Does::reads_predicate
                                      : RawMop::Does::reads;
  return out;
}

/// JSON has only strings for the keys of its objects: where predicates are read, "1" and 1 are the same key.
std::string text_of(HistoryKind kind, const Value& key) {
  const bool name = key.kind() == Value::Kind::string || key.kind() == Value::Kind::keyword;
  return kind == HistoryKind::predicates && name ? std::string(key.text()) : to_edn(key);
}

}  // namespace

std::optional<RawMop> Facts::mop(const Access& access) const {
  if (access.place >= size(access.invoke)) return std::nullopt;
  return parsed(value(access.invoke).at(access.place));
}

std::optional<RawMop> Facts::read(const Access& access) const {
  auto m = mop(access);
  if (!m || m->does == RawMop::Does::writes || !returned(access.invoke)) return std::nullopt;
  return m;
}
std::optional<RawMop> Facts::write(const Access& access) const {
  auto m = mop(access);
  return m && m->does == RawMop::Does::writes ? m : std::nullopt;
}
std::optional<RawMop> Facts::committed_write(const Access& access) const {
  return committed(access.invoke) ? write(access) : std::nullopt;
}

bool Facts::writes(uint32_t invoke, const Value& key, uint32_t from, uint32_t to) const {
  for (uint32_t place = from; place < std::min(to, size(invoke)); ++place) {
    const auto m = write({invoke, place});
    if (m && m->key == key) return true;
  }
  return false;
}
bool Facts::writes_anything(uint32_t invoke) const {
  for (uint32_t place = 0; place < size(invoke); ++place)
    if (write({invoke, place})) return true;
  return false;
}

bool Facts::assumed(const Access& earlier, const Access& later) const {
  return std::any_of(assumptions.begin(), assumptions.end(),
                     [&](const Assumption& a) { return a.earlier == earlier && a.later == later; });
}

void Facts::expect(const Value& key) { keys_.try_emplace(text_of(premises_.kind, key)); }

const Facts::KeyFacts& Facts::of_key(const Value& key) {
  const std::string text = text_of(premises_.kind, key);
  keys_.try_emplace(text);
  if (looked_up_.count(text) == 0) look_up();
  return keys_.at(text);
}

// All keys asked for so far in one pass.
void Facts::look_up() {
  std::set<std::string> missing;
  for (const auto& [text, facts] : keys_)
    if (looked_up_.insert(text).second) missing.insert(text);
  for (size_t entry = 0; entry < history_.size(); ++entry) {
    if (!history_.is_client(entry)) continue;
    if (history_.f(entry).text() == "init" && history_.type(entry) == OpType::ok) {
      look_up_init(entry);
      continue;
    }
    const auto invoke = static_cast<uint32_t>(entry);
    if (size(invoke) == 0) continue;
    uint32_t place = 0;
    for (const ValueView one : value(invoke)) {
      const auto m = parsed(one);
      if (m && m->does == RawMop::Does::writes) {
        const auto wanted = keys_.find(text_of(premises_.kind, m->key));
        if (wanted != keys_.end() && missing.count(wanted->first) != 0)
          wanted->second.writes.push_back({{invoke, place}, m->value.to_value()});
      } else if (!m && one.is_list() && !one.empty()) {
        look_up_incomplete(one, missing);
      }
      ++place;
    }
  }
}

// A write of what, or of which key, nobody can tell.
void Facts::look_up_incomplete(const ValueView& one, const std::set<std::string>& missing) {
  if (one.at(0).is_text() && reads_by_name(one.at(0).symbol().text())) return;
  for (const std::string& text : missing)
    if (one.size() < 2 || text_of(premises_.kind, one.at(1).to_value()) == text) keys_[text].unnamed = true;
}

void Facts::look_up_init(size_t entry) {
  const ValueView map = history_.value(entry);
  if (!map.is_map()) return;
  for (auto at = map.begin(); at != map.end(); ++at) {
    const std::string text = text_of(premises_.kind, (*at).to_value());
    ++at;
    if (const auto known = keys_.find(text); known != keys_.end()) known->second.initial = (*at).to_value();
  }
}

std::optional<size_t> place_in(const ValueView& list, const ValueView& element) {
  if (!list.is_list()) return std::nullopt;
  size_t place = 0;
  for (const ValueView one : list) {
    if (one == element) return place;
    ++place;
  }
  return std::nullopt;
}

}  // namespace riven::checkers::isolation
