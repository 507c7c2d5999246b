// Large histories: what does not matter does not change the verdict, and a single planted fault is found.
#include <functional>

#include "checkers/linearizable/checker.h"
#include "tests/catch.h"
#include "tests/checkers/linearizable/large_histories.h"
#include "tests/checkers/linearizable/small_histories.h"

namespace riven::linearizable::testing {
namespace {

using Entries = std::vector<Op>;

Entries entries_of(const History& history) {
  Entries entries;
  for (size_t i = 0; i < history.size(); ++i) {
    entries.push_back(history.op(i));
    entries.back().index = -1;
  }
  return entries;
}

History history_of(const Entries& entries) {
  HistoryBuilder builder;
  for (const Op& op : entries) builder.append(op);
  auto made = builder.finish();
  REQUIRE(made);
  return std::move(made).value();
}

CheckResult check(const Entries& entries, std::map<std::string, std::string> options) {
  auto checker = make_checker(options);
  REQUIRE(checker);
  Budget budget;
  budget.deadline_ns = monotonic_now_ns() + 120 * kNanosPerSecond;
  return (*checker)->check(history_of(entries), budget);
}

Value map_integers(const Value& v, const std::function<int64_t(int64_t)>& fn) {
  if (v.is_integer()) return Value(fn(v.integer()));
  if (!v.is_list()) return v;
  Value::List items;
  for (const Value& item : v.list()) items.push_back(map_integers(item, fn));
  return Value(std::move(items));
}

struct Subject {
  std::string name;
  LargeShape shape;
  const char* engine = "auto";
  std::map<std::string, std::string> options() const {
    return {{"model", std::string(to_text(shape.model))}, {"engine", engine}};
  }
};

std::vector<Subject> subjects(uint32_t few) {
  const uint32_t size = rounds(1) > 1 ? 50000 : few;
  std::vector<Subject> all;
  const auto add = [&](const char* name, Model model, double crashed, bool unique, bool only_cas,
                       const char* engine = "auto") {
    LargeShape shape;
    shape.model = model;
    shape.operations = size;
    shape.clients = unique ? 8 : 4;
    shape.crashed = crashed;
    shape.unique = unique;
    shape.only_cas = only_cas;
    shape.seed = 11 + all.size();
    all.push_back({name, shape, engine});
  };
  add("unique register", Model::cas_register, 0.02, true, false);
  add("cas-only register", Model::cas_register, 0.02, true, true);
  add("register of 0..4", Model::cas_register, 0, false, false);  // a crashed write explains any read
  add("register of 0..4, depth first", Model::cas_register, 0, false, false, "dfs");
  add("register of 0..4, frontier", Model::cas_register, 0, false, false, "jit");
  add("queue", Model::fifo_queue, 0, true, false);
  add("stack", Model::stack, 0, true, false);
  add("priority queue", Model::priority_queue, 0, true, false);
  add("set", Model::set, 0.01, true, false);
  return all;
}

/// The verdict, and the entry at which an invalid history was certain to be so.
struct Outline {
  Verdict verdict;
  int64_t certain_at = -1;
};
Outline outline(const CheckResult& result) {
  Outline out{result.verdict};
  if (result.verdict != Verdict::invalid) return out;
  const Json& details = result.anomalies.at(0).details.at(0);
  CAPTURE(details.dump());
  CHECK(details["verified"] == true);
  CHECK(details["minimal"] == true);
  if (details["first-certain"] == true) out.certain_at = details["certain-at"].get<int64_t>();
  return out;
}

TEST_CASE("metamorphic: what does not matter does not change the verdict") {
  for (Subject& subject : subjects(kSanitized ? 600 : 1500)) {
    for (const bool fault : {false, true}) {
      CAPTURE(subject.name, fault);
      subject.shape.fault = fault;
      const Entries plain = entries_of(large_history(subject.shape));
      const auto options = subject.options();
      const Outline before = outline(check(plain, options));
      REQUIRE(before.verdict == (fault ? Verdict::invalid : Verdict::valid));
      CHECK((!fault || before.certain_at >= 0));
      const auto same = [&](const Entries& changed, const char* what) {
        CAPTURE(what);
        const Outline after = outline(check(changed, options));
        CHECK(after.verdict == before.verdict);
        CHECK(after.certain_at == before.certain_at);
      };

      Entries changed = plain;
      for (Op& op : changed) op.value = map_integers(op.value, [](int64_t v) { return v * 7 + 13; });
      same(changed, "other values in the same order");

      changed = plain;
      for (Op& op : changed) op.process = 1'000'000 - op.process;
      same(changed, "other processes");

      changed = plain;
      for (Op& op : changed) op.time_ns -= op.time_ns % 5'000'000;
      same(changed, "equal time stamps");

      // Another key between the entries: the verdict stays, the entries move.
      LargeShape other = subject.shape;
      other.seed += 100;
      other.fault = false;
      other.operations /= 2;
      const Entries more = entries_of(large_history(other));
      changed.clear();
      for (size_t i = 0; i < plain.size(); ++i) {
        changed.push_back(plain[i]);
        changed.back().value = Value(Value::List{Value(1), plain[i].value});
        if (i >= more.size()) continue;
        changed.push_back(more[i]);
        changed.back().process += 2'000'000;
        changed.back().value = Value(Value::List{Value(2), more[i].value});
      }
      const CheckResult both = check(changed, options);
      CHECK(both.verdict == before.verdict);
      if (fault && !both.anomalies.empty()) {
        CHECK(both.anomalies[0].count == 1);
        const int64_t at = before.certain_at;
        const auto shown = std::min<int64_t>(at, static_cast<int64_t>(more.size()));
        CHECK(both.anomalies[0].details.at(0)["certain-at"].get<int64_t>() == at + shown);
      }
    }
  }
}

TEST_CASE("metamorphic: failed operations that say nothing may be left out") {
  for (const bool fault : {false, true}) {
    LargeShape shape;
    shape.operations = static_cast<uint32_t>(rounds(1) > 1 ? 50000 : 2000);
    shape.fault = fault;
    const Entries plain = entries_of(large_history(shape));
    std::map<Process, bool> failing;
    Entries kept;
    std::vector<bool> failed(plain.size(), false);
    std::map<Process, size_t> open;
    for (size_t i = 0; i < plain.size(); ++i) {
      if (plain[i].type == OpType::invoke) open[plain[i].process] = i;
      if (plain[i].type == OpType::fail) failed[i] = failed[open[plain[i].process]] = true;
    }
    size_t dropped = 0;
    for (size_t i = 0; i < plain.size(); ++i) {
      if (failed[i]) ++dropped;
      if (!failed[i]) kept.push_back(plain[i]);
    }
    CHECK(dropped > 100);
    const Verdict expected = fault ? Verdict::invalid : Verdict::valid;
    CHECK(check(plain, {{"failed-cas", "ignore"}}).verdict == expected);
    CHECK(check(kept, {{"failed-cas", "ignore"}}).verdict == expected);
    CHECK(check(kept, {}).verdict == expected);
  }
}

/// Entry numbers of completed operations of one function.
struct Done {
  size_t invoked;
  size_t returned;
};
std::vector<Done> completed(const Entries& entries, std::string_view f) {
  std::map<Process, size_t> open;
  std::vector<Done> done;
  for (size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].type == OpType::invoke) open[entries[i].process] = i;
    if (entries[i].type == OpType::ok && entries[i].f.text() == f)
      done.push_back({open[entries[i].process], i});
  }
  return done;
}

/// A read of what had been overwritten for certain; of what nobody wrote; of what was written later.
std::vector<std::function<void(Entries&, Rng&)>> register_faults() {
  const auto some_read = [](const Entries& e, Rng& rng) {
    const auto reads = completed(e, "read");
    return reads[reads.size() / 2 + rng.below(reads.size() / 4)];
  };
  return {[=](Entries& e, Rng& rng) {
            const Done read = some_read(e, rng);
            const auto writes = completed(e, "write");
            // The last write that completed before the read, and one that completed before that began.
            const Done* newer = nullptr;
            const Done* older = nullptr;
            for (const Done& w : writes)
              if (w.returned < read.invoked) newer = &w;
            for (const Done& w : writes)
              if (w.returned < newer->invoked) older = &w;
            e[read.returned].value = e[older->invoked].value;
          },
          [=](Entries& e, Rng& rng) { e[some_read(e, rng).returned].value = Value(int64_t{1} << 40); },
          [=](Entries& e, Rng& rng) {
            const Done read = some_read(e, rng);
            for (const Done& w : completed(e, "write"))
              if (w.invoked > read.returned) {
                e[read.returned].value = e[w.invoked].value;
                return;
              }
          }};
}

/// What is taken twice, was never there, was taken before it was there, or not seen though it was there.
std::vector<std::function<void(Entries&, Rng&)>> collection_faults(const char* take) {
  const auto some_take = [take](const Entries& e, Rng& rng, bool full) {
    const auto takes = completed(e, take);
    for (size_t i = takes.size() / 2 + rng.below(takes.size() / 4);; ++i)
      if (e[takes[i].returned].value.is_nil() != full) return takes[i];
  };
  return {[=](Entries& e, Rng& rng) {
            const Done first = some_take(e, rng, true);
            for (const Done& t : completed(e, take))
              if (t.invoked > first.returned && !e[t.returned].value.is_nil()) {
                e[t.returned].value = e[first.returned].value;
                return;
              }
          },
          [=](Entries& e, Rng& rng) { e[some_take(e, rng, true).returned].value = Value(int64_t{1} << 50); },
          [=](Entries& e, Rng& rng) {
            // Nobody takes what this one took from now on.
            const Done taken = some_take(e, rng, true);
            for (const Done& t : completed(e, take))
              if (t.returned < taken.invoked && e[t.returned].value.is_nil()) {
                std::swap(e[t.returned].value, e[taken.returned].value);
                if (e[taken.returned].value.is_nil()) return;
              }
          }};
}

TEST_CASE("a single planted fault is found in a large valid history, with its evidence") {
  Rng rng(5);
  size_t planted = 0;
  for (const Subject& subject : subjects(1500)) {
    if (!subject.shape.unique || subject.shape.model == Model::set || subject.shape.only_cas) continue;
    const bool reg = subject.shape.model == Model::cas_register;
    const auto faults = reg ? register_faults() : collection_faults("dequeue");
    const Entries plain = entries_of(large_history(subject.shape));
    const auto options = subject.options();
    for (size_t fault = 0; fault < faults.size(); ++fault) {
      for (uint64_t round = 0; round < std::min<uint64_t>(rounds(2), 6); ++round) {
        Entries changed = plain;
        faults[fault](changed, rng);
        size_t at = 0;
        while (at < plain.size() && plain[at].value == changed[at].value) ++at;
        CAPTURE(subject.name, fault, round, at);
        REQUIRE(at < plain.size());
        ++planted;
        const CheckResult result = check(changed, options);
        REQUIRE(result.verdict == Verdict::invalid);
        const Json& details = result.anomalies.at(0).details.at(0);
        CHECK(details["verified"] == true);
        CHECK(details["minimal"] == true);
        CHECK(details["first-certain"] == true);
        CHECK(details["operations"].size() <= 8);
        // Not before the fault, and with it among the conflicting operations.
        CHECK(details["certain-at"].get<int64_t>() >= static_cast<int64_t>(reg ? at : 0));
      }
    }
  }
  CHECK(planted >= 20);
}

}  // namespace
}  // namespace riven::linearizable::testing
