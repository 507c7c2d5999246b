#include "tests/checkers/isolation/histories.h"

#include <charconv>

#include "checkers/isolation/proof/verified.h"
#include "tests/catch.h"

namespace riven::checkers::isolation {

namespace {

Value::List elements(std::string_view text) {
  Value::List out;
  while (!text.empty()) {
    int64_t number = 0;
    if (text.front() == '.') {
      const auto end = std::from_chars(text.data() + 1, text.data() + text.size(), number);
      text.remove_prefix(static_cast<size_t>(end.ptr - text.data()));
    } else {
      number = text.front() - '0';
      text.remove_prefix(1);
    }
    out.emplace_back(number);
  }
  return out;
}

}  // namespace

Value mops(std::string_view text, bool results) {
  Value::List out;
  while (!text.empty()) {
    const size_t space = std::min(text.find(' '), text.size());
    const std::string_view one = text.substr(0, space);
    text.remove_prefix(std::min(space + 1, text.size()));
    if (one.empty()) continue;
    const Value key = Value::keyword(one.substr(1, 1));
    const std::string_view rest = one.substr(2);
    switch (one[0]) {
      case 'a':
        out.emplace_back(Value::List{Value::keyword("append"), key, elements(rest)[0]});
        break;
      case 'w':
        out.emplace_back(Value::List{Value::keyword("w"), key, elements(rest)[0]});
        break;
      default: {
        Value seen;
        if (results && rest != "_") seen = one[0] == 'v' ? elements(rest)[0] : Value(elements(rest));
        out.emplace_back(Value::List{Value::keyword("r"), key, seen});
      }
    }
  }
  return Value(std::move(out));
}

Maker& Maker::invoke(Process p, std::string_view text) {
  open_[p] = text;
  builder_.append({.index = -1,
                   .time_ns = now_ += 1'000'000,
                   .process = p,
                   .type = OpType::invoke,
                   .f = Symbol("txn"),
                   .value = mops(text, false),
                   .error = {}});
  return *this;
}

Maker& Maker::complete(Process p, OpType type) {
  builder_.append({.index = -1,
                   .time_ns = now_ += 1'000'000,
                   .process = p,
                   .type = type,
                   .f = Symbol("txn"),
                   .value = mops(open_[p], type == OpType::ok),
                   .error = {}});
  return *this;
}

History Maker::history() {
  auto built = builder_.finish(HistoryBuilder::Pairing::lenient);
  REQUIRE(built);
  return std::move(*built);
}

Analysis analysed(const History& history, const AnalysisOptions& options) {
  auto a = analyse(history, options, Budget{});
  if (!a) FAIL(a.error().message);
  std::string why;
  for (const Model m : members(without_evidence(history, *a, &why)))
    FAIL_CHECK(name_of(m) << " is refuted without evidence: " << why);
  return std::move(*a);
}

ModelSet without_evidence(const History& history, const Analysis& analysis, std::string* why) {
  Analysis copy = analysis;
  keep_verified(history, Model::strict_serializable, 1, copy);
  const ModelSet out = analysis.decisions.refuted() & ~copy.decisions.refuted();
  if (out != 0 && why != nullptr) *why = copy.decisions.why(members(out).front());
  return out;
}

std::string weakest_refuted(const Analysis& a) {
  std::string out;
  for (const Model m : members(weakest(a.decisions.refuted())))
    out += (out.empty() ? "" : " ") + std::string(name_of(m));
  return out;
}

std::string cycle_names(const Analysis& a) {
  std::string out;
  std::string last;
  for (const Cycle& c : a.cycles) {
    if (name_of(c.cycle_class) == last) continue;
    last = name_of(c.cycle_class);
    out += (out.empty() ? "" : " ") + last;
  }
  return out;
}

std::string text_of(const Figure& figure) {
  std::string text = figure.title + "\n";
  for (const auto& t : std::get<CycleFigure>(figure.content).transactions) {
    text += t.title + " " + t.edge + " " + t.reason + "\n";
    for (const std::string& mop : t.micro_operations) text += mop + "\n";
  }
  return text;
}

}  // namespace riven::checkers::isolation
