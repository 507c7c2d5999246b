// Counters: what a total tells of the increments in it.
#include "checkers/isolation/counters.h"

#include "tests/catch.h"
#include "tests/checkers/isolation/edn_text.h"
#include "tests/checkers/isolation/histories.h"

namespace riven::checkers::isolation {

TEST_CASE("counters: totals that tell everything decide every model but those of an order within") {
  const Analysis a = analysed(
      read(run(0, "[[:inc 1 1]]") + run(1, "[[:inc 1 2] [:r 1 3]]") + run(0, "[[:r 1 3] [:r 2 nil]]")));
  CHECK(weakest_refuted(a).empty());
  CHECK(a.decisions.standing(Model::strict_serializable) == Standing::holds);
}

TEST_CASE("counters: equal increments leave open which of them a total has") {
  const Analysis a = analysed(read(all({"[[:inc 1 1]]", "[[:inc 1 1]]", "[[:r 1 1]]"})));
  CHECK(a.decisions.refuted() == 0);
  CHECK(a.decisions.standing(Model::serializable) == Standing::undecided);
  // None and all are told apart all the same.
  const Analysis fork =
      analysed(read(all({"[[:inc 1 1]]", "[[:inc 2 1]]", "[[:r 1 1] [:r 2 0]]", "[[:r 1 0] [:r 2 1]]"})));
  CHECK(cycle_names(fork) == "G-nonadjacent-item");
  CHECK(fork.decisions.refuted(Model::snapshot_isolation));
}

TEST_CASE("counters: more increments than all sums are looked at for") {
  std::string many;
  for (int i = 0; i < 20; ++i) many += run(0, "[[:inc 1 1]]");
  CHECK(analysed(read(many + run(1, "[[:r 1 20]]"))).decisions.standing(Model::strict_serializable) ==
        Standing::holds);
  const Analysis lost = analysed(read(many + run(1, "[[:r 1 19]]")));
  CHECK(lost.findings.count(Kind::stale_read) == 1);
  CHECK(lost.decisions.refuted(Model::strict_serializable));
  CHECK_FALSE(lost.decisions.refuted(Model::serializable));
  CHECK(analysed(read(many + run(0, "[[:r 1 19]]"))).decisions.refuted(Model::strong_session_read_atomic));
  const Analysis back = analysed(read(many + run(1, "[[:r 1 12]]") + run(1, "[[:r 1 11]]")));
  CHECK(back.decisions.refuted(Model::strong_session_causal));
  CHECK(analysed(read(many + run(1, "[[:r 1 21]]"))).findings.count(Kind::garbage_read) == 1);
}

TEST_CASE("counters: aborted, internal and garbage reads") {
  const std::string failed = op(0, "invoke", "[[:inc 1 5]]") + op(0, "fail", "[[:inc 1 5]]");
  CHECK(analysed(read(failed + run(1, "[[:r 1 5]]"))).findings.count(Kind::g1a) == 1);
  CHECK(analysed(read(run(0, "[[:inc 1 2]]") + run(1, "[[:r 1 1]]"))).findings.count(Kind::garbage_read) ==
        1);
  CHECK(analysed(read(run(0, "[[:inc 1 2] [:r 1 0]]"))).findings.count(Kind::internal) == 1);
  CHECK(analysed(read(run(0, "[[:r 1 2] [:inc 1 2]]"))).findings.count(Kind::future_read) == 1);
  const Analysis torn = analysed(read(all({"[[:inc 1 2]]", "[[:r 1 0] [:r 1 2]]"})));
  CHECK(torn.findings.count(Kind::non_repeatable_read) == 1);
  CHECK(torn.decisions.refuted(Model::item_cut_isolation));
}

TEST_CASE("counters: what is no history of counters is refused") {
  CHECK_FALSE(analyse(read(run(0, "[[:inc 1 1] [:cas 1 1]]")), {}, Budget{}));
  CHECK_FALSE(analyse(read(run(0, "[[:inc 1 \"a\"]]")), {}, Budget{}));
}

}  // namespace riven::checkers::isolation
