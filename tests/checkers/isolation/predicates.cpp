// Predicate reads: phantoms are told from anomalies of items.
#include "checkers/isolation/predicates.h"

#include <algorithm>

#include "checkers/isolation/evidence.h"
#include "harness/api/registry.h"
#include "harness/history/reader.h"
#include "tests/catch.h"
#include "tests/checkers/isolation/histories.h"

namespace riven::checkers {
void add_isolation(Registry& registry);
}

namespace riven::checkers::isolation {

namespace {

const History& read(const std::string& edn) {
  static std::vector<History> kept;  // an analysis borrows from its history
  auto history = read_history_bytes(edn, "predicates", {.format = Format::edn});
  if (!history) FAIL(history.error().message);
  kept.push_back(std::move(history->history));
  return kept.back();
}
std::string op(int process, const char* type, const std::string& value, const char* f = "txn") {
  return "{:process " + std::to_string(process) + ", :type :" + type + ", :f :" + f + ", :value " + value +
         "}\n";
}
std::string init(const std::string& map) { return op(9, "invoke", map, "init") + op(9, "ok", map, "init"); }
/// Two transactions at once.
std::string at_once(const std::string& a, const std::string& b) {
  return op(0, "invoke", a) + op(1, "invoke", b) + op(0, "ok", a) + op(1, "ok", b);
}
CheckResult judged(const History& history, const std::string& model) {
  Registry registry;
  add_isolation(registry);
  auto checker = registry.checkers().front().make({{"model", model}});
  REQUIRE(checker);
  return (*checker)->check(history, Budget{});
}

}  // namespace

TEST_CASE("predicates: a phantom is G2, and repeatable read allows it") {
  // Both count the rows that match, see none of the other's, and insert one.
  const Analysis a = analysed(
      read(init("{}") + at_once("[[:rp :true {}] [:insert 1 1]]", "[[:rp :true {}] [:insert 2 1]]")));
  CHECK(cycle_names(a) == "G2");
  CHECK(a.decisions.refuted(Model::serializable));
  CHECK(a.decisions.standing(Model::repeatable_read) == Standing::holds);
  CHECK(a.decisions.standing(Model::snapshot_isolation) == Standing::holds);
}

TEST_CASE("predicates: the same by items is G2-item, and repeatable read forbids it") {
  const Analysis a = analysed(read(
      init("{1 1, 2 1}") + at_once("[[:r 1 1] [:r 2 1] [:w 1 5]]", "[[:rp :true {1 1, 2 1}] [:w 2 5]]")));
  CHECK(cycle_names(a) == "G2-item");
  CHECK(a.decisions.refuted(Model::repeatable_read));
}

TEST_CASE("predicates: a row that a query misses and another sees") {
  const std::string torn = init("{}") + op(0, "invoke", "[[:rp [:= 1] nil] [:rp [:= 2] nil]]") +
                           op(1, "invoke", "[[:insert 1 1] [:insert 2 2]]") +
                           op(1, "ok", "[[:insert 1 1] [:insert 2 2]]") +
                           op(0, "ok", "[[:rp [:= 1] {}] [:rp [:= 2] {2 2}]]");
  const Analysis a = analysed(read(torn));
  CHECK(cycle_names(a) == "G-single");
  CHECK(a.decisions.refuted(Model::consistent_view));
  CHECK(a.decisions.standing(Model::repeatable_read) == Standing::holds);
  CHECK(a.decisions.standing(Model::read_committed) == Standing::holds);
}

TEST_CASE("predicates: deletion, modulus, and what no version explains") {
  const std::string deleted = init("{1 4}");
  const std::string both = "[[:delete 1]]";
  CHECK(weakest_refuted(
            analysed(read(deleted + op(0, "invoke", both) + op(0, "ok", both) +
                          op(1, "invoke", "[[:rp [:mod 2 0] nil]]") + op(1, "ok", "[[:rp [:mod 2 0] {}]]"))))
            .empty());
  const Analysis late =
      analysed(read(deleted + op(0, "invoke", both) + op(0, "ok", both) +
                    op(1, "invoke", "[[:rp [:mod 2 0] nil]]") + op(1, "ok", "[[:rp [:mod 2 0] {1 4}]]")));
  CHECK(late.decisions.refuted(Model::strict_serializable));
  CHECK_FALSE(late.decisions.refuted(Model::serializable));
  const Analysis missed =
      analysed(read(init("{1 4}") + op(1, "invoke", "[[:rp :true nil]]") + op(1, "ok", "[[:rp :true {}]]")));
  CHECK(missed.findings.count(Kind::predicate_read_miss) == 1);
  CHECK(missed.decisions.refuted(Model::serializable));
  const Analysis garbage = analysed(
      read(init("{1 4}") + op(1, "invoke", "[[:rp :true nil]]") + op(1, "ok", "[[:rp :true {1 5}]]")));
  CHECK(garbage.findings.count(Kind::garbage_read) == 1);
}

TEST_CASE("predicates: told in words, and as a minimal history") {
  const History& history =
      read(init("{}") + op(5, "invoke", "[[:insert 7 7]]") + op(5, "ok", "[[:insert 7 7]]") +
           at_once("[[:rp [:= 1] {}] [:insert 1 1]]", "[[:rp [:= 1] {}] [:insert 2 1]]"));
  const CheckResult r = judged(history, "serializable");
  REQUIRE(r.verdict == Verdict::invalid);
  const auto phantom =
      std::find_if(r.anomalies.begin(), r.anomalies.end(), [](const Anomaly& a) { return a.type == "G2"; });
  REQUIRE(phantom != r.anomalies.end());
  CHECK(
      phantom->sentences[0] ==
      "T1 < T2, because T1's predicate [:= 1] did not match key 2, as it did only after T2's [:insert 2 1]");
  const auto file = std::find_if(r.artifacts.begin(), r.artifacts.end(),
                                 [](const Artifact& a) { return a.name == "minimal.jsonl"; });
  REQUIRE(file != r.artifacts.end());
  CHECK(std::any_of(r.anomalies.begin(), r.anomalies.end(),
                    [](const Anomaly& a) { return a.type == "phantom"; }));
  CHECK(file->content.find("\"insert\",7") == std::string::npos);
  const auto again = read_history_bytes(file->content, "minimal.jsonl", {.format = Format::jsonl});
  REQUIRE(again);
  CHECK(judged(again->history, "serializable").verdict == Verdict::invalid);
}

TEST_CASE("predicates: what is no closed-predicate history is refused") {
  const std::string twice = op(0, "invoke", "[[:insert 1 1]]") + op(0, "ok", "[[:insert 1 1]]");
  auto result = analyse(read(twice + twice), {}, Budget{});
  REQUIRE_FALSE(result);
  CHECK(result.error().message.find("written twice") != std::string::npos);
  const std::string odd = op(0, "invoke", "[[:insert 1 1] [:rp [:like 2] nil]]") +
                          op(0, "ok", "[[:insert 1 1] [:rp [:like 2] {}]]");
  result = analyse(read(odd), {}, Budget{});
  REQUIRE_FALSE(result);
  CHECK(result.error().message.find("predicate") != std::string::npos);
}

}  // namespace riven::checkers::isolation
