// Small histories that the checker once judged wrongly. Brute force found each.
#include "tests/catch.h"
#include "tests/checkers/isolation/edn_text.h"
#include "tests/checkers/isolation/histories.h"

namespace riven::checkers::isolation {

namespace {

using enum Model;

std::string init(const std::string& rows) {
  return "{:process 9, :type :invoke, :f :init, :value " + rows +
         "}\n{:process 9, :type :ok, :f :init, :value " + rows + "}\n";
}
std::string failed(int process, const std::string& value) {
  return op(process, "invoke", value) + op(process, "fail", value);
}
Standing of(Model m, const std::string& edn) { return analysed(read(edn)).decisions.standing(m); }
Standing of(Model m, Maker& maker, const AnalysisOptions& options = {}) {
  const History history = maker.history();
  return analysed(history, options).decisions.standing(m);
}

}  // namespace

TEST_CASE("a predicate that matches what its own transaction inserts only later refutes read committed") {
  CHECK(of(read_committed, init("{}") + run(0, "[[:rp :true {1 1}] [:insert 1 1]]")) == Standing::refuted);
  CHECK(of(read_committed, init("{}") + run(0, "[[:insert 1 1] [:rp :true {1 1}]]")) == Standing::holds);
}

TEST_CASE("a row that is missing only because of an aborted deletion refutes read committed") {
  const std::string aborted = init("{1 1}") + failed(0, "[[:delete 1]]");
  for (const Model m : {read_committed, view_serializable, one_copy_serializable}) {
    CHECK(of(m, aborted + run(1, "[[:rp :true {}]]")) == Standing::refuted);
    CHECK(of(m, aborted + run(1, "[[:rp :true {1 1}]]")) == Standing::holds);
  }
}

TEST_CASE("a row that appears between two predicate reads is no change of an item") {
  const std::string inserted = init("{}") + run(0, "[[:insert 1 1]]");
  CHECK(of(item_cut_isolation, inserted + run(1, "[[:rp :true {}] [:rp :true {1 1}]]")) == Standing::holds);
  CHECK(of(item_cut_isolation, inserted + run(1, "[[:r 1 nil] [:r 1 1]]")) == Standing::refuted);
}

TEST_CASE("a row that every version has is missing in no view serializable history") {
  for (const Model m : {serializable, view_serializable, one_copy_serializable}) {
    CHECK(of(m, init("{1 1}") + run(0, "[[:rp :true {}]]")) == Standing::refuted);
    CHECK(of(m, init("{1 1}") + run(0, "[[:rp :true {1 1}]]")) == Standing::holds);
  }
}

TEST_CASE("an aborted element that is there in one read and not in the next is no item cut") {
  const std::string aborted = run(0, "[[:add 1 4]]") + failed(0, "[[:add 1 5]]");
  CHECK(of(item_cut_isolation, aborted + run(1, "[[:r 1 [4 5]] [:r 1 [4]]]")) == Standing::refuted);
  CHECK(of(item_cut_isolation, aborted + run(1, "[[:r 1 [4 5]] [:r 1 [4 5]]]")) == Standing::holds);
}

TEST_CASE("version numbers against a session's order leave no causal memory") {
  const auto two = [](const char* first, const char* second) {
    return run(0, first) + run(0, second) + run(1, "[[:r 1 2]]");
  };
  CHECK(of(causal, two("[[:w 1 1 1]]", "[[:w 1 2 2]]")) == Standing::holds);
  CHECK_FALSE(of(causal, two("[[:w 1 1 2]]", "[[:w 1 2 1]]")) == Standing::holds);
}

TEST_CASE("two versions of one number contradict each other") {
  CHECK(of(read_uncommitted, run(0, "[[:w 1 1 5]]") + run(1, "[[:w 1 2 5]]")) == Standing::refuted);
  CHECK(of(read_uncommitted, run(0, "[[:w 1 1 5]]") + run(1, "[[:w 1 2 6]]")) == Standing::holds);
}

TEST_CASE("a write follows no read of what aborted") {
  // The aborted 1 comes last: the session's own 2 does not have to follow it.
  Maker aborted;
  aborted.invoke(0, "ax1").fail(0).run(1, "rx21 ax2");
  CHECK_FALSE(of(writes_follow_reads, aborted) == Standing::refuted);
  Maker committed;
  committed.invoke(0, "ax1").run(1, "rx21 ax2").ok(0);
  CHECK(of(writes_follow_reads, committed) == Standing::refuted);
}

TEST_CASE("who saw an effect and not its cause refutes causality without sessions, too") {
  Maker missed;
  missed.run(0, "wx1").run(1, "vx1 wy1").run(2, "vy1 vx_");
  CHECK(of(causal_cerone, missed) == Standing::refuted);
  Maker seen;
  seen.run(0, "wx1").run(1, "vx1 wy1").run(2, "vy1 vx1");
  CHECK(of(causal_cerone, seen) == Standing::holds);
}

TEST_CASE("an order of versions by real time may go against what a session saw") {
  // 3 comes after 2 in time; who saw y4 has seen 3, and reads 2.
  AnalysisOptions options;
  options.registers.linearizable_keys = true;
  for (const Model m : {monotonic_writes, pram, causal}) {
    Maker older;
    older.run(1, "wx2").invoke(0, "wx3 wy4").invoke(7, "vy4 vx2 wx7").info(0).ok(7);
    CHECK_FALSE(of(m, older, options) == Standing::holds);
    Maker newer;
    newer.run(1, "wx2").invoke(0, "wx3 wy4").invoke(7, "vy4 vx3 wx7").info(0).ok(7);
    CHECK(of(m, newer, options) == Standing::holds);
  }
}

}  // namespace riven::checkers::isolation
