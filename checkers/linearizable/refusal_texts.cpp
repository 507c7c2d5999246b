#include "checkers/linearizable/refusal_texts.h"

#include <algorithm>

#include "checkers/linearizable/appends.h"
#include "checkers/linearizable/refusal.h"

namespace riven::linearizable {

namespace {
constexpr size_t kMostStarts = 256;
constexpr size_t kMostPlaces = 4096;  // of one text
}  // namespace

TextQuestions::TextQuestions(const ModelOptions& model, std::span<const Operation> part,
                             const Projection& projection)
    : model_(model),
      part_(part),
      projection_(projection),
      texts_(part, projection),
      spelling_(part, texts_, texts_.whole(projection.initial), projection.values.size()),
      met_(part.size(), 0) {}

std::optional<std::vector<TextHistory>> TextQuestions::ask(const Request& request) {
  const std::vector<Goal> aims = goals(request);
  std::vector<TextHistory> histories;
  if (request.whole) {
    histories.push_back(history(request, aims, model_.initial, {}));
    return histories;
  }
  std::string_view longest;
  std::vector<std::string_view> known;
  for (const Goal& goal : aims) {
    if (goal.text.size() >= longest.size()) longest = goal.text;
    if (goal.places.size() > kMostPlaces) return std::nullopt;
    for (const size_t place : goal.places) {
      const std::string_view text = goal.text.substr(0, place);
      if (std::find(known.begin(), known.end(), text) != known.end()) continue;
      known.push_back(text);
      const auto possible = start(request, goal, place);
      if (!possible) continue;
      if (histories.size() == kMostStarts) return std::nullopt;
      histories.push_back(history(request, aims, texts_.value_of(text), possible->made_by));
    }
  }
  histories.push_back(history(request, aims, texts_.longer_than(longest), {}));
  return histories;
}

std::vector<TextQuestions::Goal> TextQuestions::goals(const Request& request) const {
  std::vector<Goal> goals;
  for (const uint32_t i : request.chosen) {
    if (part_[i].f != Function::read) continue;
    const std::string_view text = texts_.whole(part_[i].a);
    if (std::any_of(goals.begin(), goals.end(), [&](const Goal& goal) { return goal.text == text; }))
      continue;
    goals.push_back({text, {}});
    find_places(request, goals.back());
  }
  return goals;
}

/// From the end of the text back, over everything that the window appends.
void TextQuestions::find_places(const Request& request, Goal& goal) const {
  std::vector<std::string_view> pieces;
  for (const auto& ops : {request.chosen, request.others}) {
    for (const uint32_t i : ops)
      if (part_[i].f == Function::append && !texts_.piece(part_[i].a).empty())
        pieces.push_back(texts_.piece(part_[i].a));
  }
  std::sort(pieces.begin(), pieces.end());
  pieces.erase(std::unique(pieces.begin(), pieces.end()), pieces.end());
  std::vector<bool> known(goal.text.size() + 1, false);
  goal.places = {goal.text.size()};
  for (size_t k = 0; k < goal.places.size() && k <= kMostPlaces; ++k) {
    const std::string_view until = goal.text.substr(0, goal.places[k]);
    for (const std::string_view piece : pieces) {
      if (!until.ends_with(piece) || known[until.size() - piece.size()]) continue;
      known[until.size() - piece.size()] = true;
      goal.places.push_back(until.size() - piece.size());
    }
  }
  std::sort(goal.places.begin(), goal.places.end());
}

/// How an update can lead to one of the texts.
std::vector<TextQuestions::Edge> TextQuestions::edges(const std::vector<Goal>& goals,
                                                      const Operation& op) const {
  std::vector<Edge> found;
  for (const Goal& goal : goals) {
    for (const size_t place : goal.places) {
      const std::string_view until = goal.text.substr(0, place);
      Edge edge{until, until};
      if (op.f == Function::write) {
        if (texts_.whole(op.a) != until) continue;
      } else {
        const std::string_view piece = texts_.piece(op.a);
        if (piece.empty() || !until.ends_with(piece)) continue;
        edge.from = until.substr(0, until.size() - piece.size());
      }
      if (std::none_of(found.begin(), found.end(), [&](const Edge& e) { return e.to == edge.to; }))
        found.push_back(edge);
    }
  }
  return found;
}

/// Whether updates before the window, other than those chosen, can have made the text so far.
std::optional<TextQuestions::Start> TextQuestions::start(const Request& request, const Goal& goal,
                                                         size_t place) {
  const auto& steps = spelling_.steps(goal.text);
  const auto at = std::lower_bound(steps.begin(), steps.end(), place,
                                   [](const Spelling::Step& step, size_t p) { return step.at < p; });
  if (at == steps.end() || at->at != place) return std::nullopt;
  if (at->update != Spelling::kInitial && at->soonest >= request.begin) return std::nullopt;
  Start start{goal.text.substr(0, place), {}};
  if (at->ways > 1) return start;
  ++ways_;
  for (const Spelling::Step* step = &*at; step->update != Spelling::kInitial; step = &steps[step->before]) {
    if (met_[step->update] == ways_) return std::nullopt;  // it happened once
    met_[step->update] = ways_;
    if (step->before == Spelling::kNone) break;
  }
  const auto met = [&](uint32_t i) { return met_[i] == ways_; };
  if (std::any_of(request.chosen.begin(), request.chosen.end(), met)) return std::nullopt;
  std::copy_if(request.others.begin(), request.others.end(), std::back_inserter(start.made_by), met);
  return start;
}

TextHistory TextQuestions::history(const Request& request, const std::vector<Goal>& goals,
                                   const Value& initial, const std::vector<uint32_t>& without) const {
  TextHistory asked;
  asked.values = std::make_shared<Projection>();
  ValueTable& values = asked.values->values;
  for (const uint32_t i : request.chosen) asked.operations.push_back(part_[i]);
  const size_t chosen = asked.operations.size();
  for (Operation& op : asked.operations) op.a = values.id(projection_.values.value(op.a));
  for (const uint32_t i : request.others) {
    if (std::find(without.begin(), without.end(), i) != without.end()) continue;
    const std::vector<Edge> ways = edges(goals, part_[i]);
    if (ways.empty()) continue;
    Operation op = part_[i];
    op.returned = kPending;
    op.invoked = std::max(op.invoked, request.begin);
    if (request.conditional && op.f == Function::append && ways.size() == 1) {
      op.f = Function::cas;
      op.a = values.id(texts_.value_of(ways.front().from));
      op.b = values.id(texts_.value_of(ways.front().to));
    } else {
      op.a = values.id(projection_.values.value(op.a));
    }
    asked.operations.push_back(op);
  }
  std::inplace_merge(asked.operations.begin(), asked.operations.begin() + static_cast<std::ptrdiff_t>(chosen),
                     asked.operations.end(),
                     [](const Operation& x, const Operation& y) { return x.invoked < y.invoked; });
  ModelOptions model = model_;
  model.initial = initial;
  asked.spec = builtin_model(model, *asked.values);
  return asked;
}

bool Refusal::text_search(const Moved& history) const {
  Projection& values = *history.values;
  const AppendsAnswer answer = check_appends(history.operations, values, watch_, false);
  return answer.applies ? answer.verdict == Verdict::invalid : search(history);
}

Refusal::Question Refusal::text_question(const std::vector<uint32_t>& chosen, bool conditional) {
  std::vector<bool> in(part_.size(), false);
  uint32_t begin = kPending;
  uint32_t end = 0;
  for (const uint32_t i : chosen) {
    in[i] = true;
    begin = std::min(begin, part_[i].invoked);
    end = std::max(end, part_[i].pending() ? part_[i].invoked : part_[i].returned);
  }
  if (whole_texts_) begin = 0;
  std::vector<uint32_t> others = updates_in_flight(begin, end + 1);
  std::erase_if(others, [&](uint32_t i) { return in[i]; });
  Question asked;
  const auto histories = texts_->ask({chosen, others, begin, whole_texts_, conditional});
  asked.possible = histories.has_value();
  if (!histories) return asked;
  for (const TextHistory& history : *histories) {
    asked.histories.push_back(moved({}, history.operations, begin));
    asked.histories.back().spec = history.spec;
    asked.histories.back().values = history.values;
  }
  return asked;
}

}  // namespace riven::linearizable
