// Sets: each element is a register of its own.
#include "checkers/isolation/sets.h"

#include "tests/catch.h"
#include "tests/checkers/isolation/edn_text.h"
#include "tests/checkers/isolation/histories.h"

namespace riven::checkers::isolation {

TEST_CASE("sets: a serial history refutes nothing, whatever the order of elements") {
  const Analysis a = analysed(
      read(run(0, "[[:add 1 1]]") + run(1, "[[:add 1 2] [:r 1 [2 1]]]") + run(0, "[[:r 1 #{1 2}]]")));
  CHECK(weakest_refuted(a).empty());
  CHECK(a.decisions.standing(Model::strict_serializable) == Standing::holds);
}

TEST_CASE("sets: a long fork in one set") {
  const Analysis a = analysed(read(all({"[[:add 1 1]]", "[[:add 1 2]]", "[[:r 1 [1]]]", "[[:r 1 [2]]]"})));
  CHECK(cycle_names(a) == "G-nonadjacent-item");
  CHECK(a.decisions.refuted(Model::snapshot_isolation));
  CHECK(a.decisions.standing(Model::parallel_snapshot_isolation) == Standing::holds);
}

TEST_CASE("sets: write skew, half of a transaction, stale and aborted reads") {
  const Analysis skew = analysed(read(all({"[[:r 1 []] [:add 2 1]]", "[[:r 2 []] [:add 1 1]]"})));
  CHECK(cycle_names(skew) == "G2-item");
  CHECK(skew.decisions.standing(Model::snapshot_isolation) == Standing::holds);
  const Analysis half = analysed(read(all({"[[:add 1 1] [:add 1 2]]", "[[:r 1 [1]]]"})));
  CHECK(half.decisions.refuted(Model::read_atomic));
  CHECK_FALSE(half.decisions.refuted(Model::monotonic_atomic_view));
  CHECK(half.decisions.standing(Model::read_committed) == Standing::holds);
  const Analysis stale = analysed(read(run(0, "[[:add 1 1]]") + run(1, "[[:r 1 []]]")));
  CHECK(stale.decisions.refuted(Model::strict_serializable));
  CHECK_FALSE(stale.decisions.refuted(Model::serializable));
  const Analysis aborted = analysed(
      read(op(0, "invoke", "[[:add 1 1]]") + op(0, "fail", "[[:add 1 1]]") + run(1, "[[:r 1 [1]]]")));
  CHECK(aborted.findings.count(Kind::g1a) == 1);
  CHECK(analysed(read(run(0, "[[:add 1 1] [:r 1 [1 9]]]"))).findings.count(Kind::garbage_read) == 1);
  CHECK(analysed(read(run(0, "[[:add 1 1] [:r 1 []]]"))).findings.count(Kind::internal) == 1);
  CHECK(analysed(read(run(0, "[[:r 1 [1]] [:add 1 1]]"))).findings.count(Kind::future_read) == 1);
}

TEST_CASE("sets: what is no history of sets is refused") {
  CHECK_FALSE(analyse(read(run(0, "[[:add 1 1]]") + run(0, "[[:add 1 1]]")), {}, Budget{}));
  CHECK_FALSE(analyse(read(run(0, "[[:add 1 1] [:cas 1 1]]")), {}, Budget{}));
}

}  // namespace riven::checkers::isolation
