// Small histories that were judged wrongly once, each with its right answer and why it is right.
#include "tests/checkers/isolation/checked.h"
#include "tests/checkers/isolation/histories.h"

namespace riven::checkers::isolation {

TEST_CASE("who read its own later append neither lost an update nor overwrote another's") {
  const CheckResult r =
      checked(read(op(0, "invoke", "[[:r 8 nil] [:append 8 5]]") + op(0, "ok", "[[:r 8 [5]] [:append 8 5]]") +
                   op(1, "invoke", "[[:r 8 nil] [:append 8 6]]") + op(1, "ok", "[[:r 8 [5]] [:append 8 6]]") +
                   run(2, "[[:r 8 [5 6]]]")),
              {{"model", "strict-serializable"}});
  CHECK(r.verdict == Verdict::invalid);
  CHECK(anomaly_types(r) == "future-read");
  const CheckResult deeper = checked(read(all({"[[:r 8 [5 6]] [:append 8 5]]", "[[:r 8 [5]] [:append 8 6]]",
                                               "[[:r 8 [5 6]] [:append 8 7]]", "[[:r 8 [5 6 7]]]"})),
                                     {{"model", "strict-serializable"}});
  CHECK(anomaly_types(deeper) == "G1c circular-information-flow future-read");
  const CheckResult registers =
      checked(read(run(0, "[[:r 8 5] [:w 8 5]]") + run(1, "[[:r 8 5] [:w 8 6]]") + run(2, "[[:r 8 6]]")),
              {{"model", "strict-serializable"}});
  CHECK(anomaly_types(registers) == "future-read");
}

TEST_CASE("a write follows the reads before it in its transaction, intermediate versions included") {
  const std::string interleaved =
      op(1, "invoke", "[[:w 3 1] [:r 3 nil] [:w 3 2]]") + op(2, "invoke", "[[:r 3 nil] [:w 3 7]]") +
      op(1, "ok", "[[:w 3 1] [:r 3 7] [:w 3 2]]") + op(2, "ok", "[[:r 3 1] [:w 3 7]]");
  for (const char* const orders : {"wfr", "initial,wfr,numbers"}) {
    const CheckResult r =
        checked(read(interleaved), {{"model", "read-uncommitted"}, {"version-orders", orders}});
    CHECK(r.verdict == Verdict::invalid);
    CHECK(anomaly_types(r).find("G0") != std::string::npos);
  }
  CHECK(checked(read(interleaved), {{"model", "read-uncommitted"}, {"version-orders", "initial"}}).verdict ==
        Verdict::valid);
}

TEST_CASE("a read after an own write counts for cursor stability as it does for a lost update") {
  const CheckResult r =
      checked(read(op(0, "invoke", "[[:append 4 2] [:r 4 nil]]") + op(1, "invoke", "[[:append 4 1]]") +
                   op(0, "ok", "[[:append 4 2] [:r 4 nil]]") + op(1, "ok", "[[:append 4 1]]") +
                   run(2, "[[:r 4 [1 2]]]")),
              {{"model", "cursor-stability"}});
  CHECK(r.verdict == Verdict::invalid);
  CHECK(anomaly_types(r) == "G-cursor G-single-item internal lost-update");
}

TEST_CASE("an incomplete invocation of what did not return ok costs nothing") {
  const std::string good = run(0, "[[:append 1 1] [:r 2 []]]") + run(1, "[[:r 1 [1]]]");
  for (const char* const type : {"fail", "info"}) {
    for (const char* const value :
         {"[[:r 1]]", "[[:append 1]]", "[[:r]]", "[[:append]]", "[[:append 1] [:r 2] [:append 2 9]]", "nil",
          "[]", "[[:r 1 [1]]]", "[[:r 1 nil :extra]]", "[[:append 2 7 {:note 1} 5]]", ":nothing", "{}"}) {
      INFO(type << " " << value);
      const CheckResult r = checked(read(op(7, "invoke", value) + good + op(7, type, value)),
                                    {{"model", "strict-serializable"}});
      CHECK(r.reason == "strict-serializable holds");
      CHECK(anomaly_types(r).empty());
    }
  }
  for (const char* const value : {"[[:r 1]]", "[[:w 1]]", "[[:r]]", "[[:w]]", "nil", "[]", "[[:r 1 1]]"}) {
    INFO(value);
    const std::string registers = run(0, "[[:w 1 1] [:r 2 nil]]") + run(1, "[[:r 1 1]]");
    CHECK(checked(read(op(7, "invoke", value) + registers + op(7, "info", value)),
                  {{"model", "strict-serializable"}})
              .verdict == Verdict::valid);
  }
  for (const char* const value : {"[[:r 1]]", "[[:add 1]]", "[[:r]]", "[[:add]]"}) {
    const std::string sets = run(0, "[[:add 1 1] [:r 2 []]]") + run(1, "[[:r 1 [1]]]");
    CHECK(checked(read(op(7, "invoke", value) + sets + op(7, "info", value)), {{"model", "serializable"}})
              .verdict == Verdict::valid);
  }
  const std::string counters = run(0, "[[:inc 1 1] [:r 2 0]]") + run(1, "[[:r 1 1]]");
  for (const char* const value : {"[[:r 1]]", "[[:r]]", "[[:inc 3]]", "[[:inc 3 nil]]"})
    CHECK(checked(read(op(7, "invoke", value) + counters + op(7, "info", value)), {{"model", "serializable"}})
              .verdict == Verdict::valid);
  for (const char* const value : {"[[:rp :true]]", "[[:insert 3]]", "[[:r 3]]", "[[:delete]]", "[[:w]]"})
    CHECK(checked(read(op(7, "invoke", value) + run(0, "[[:insert 1 1]]") + run(1, "[[:r 1 1]]") +
                       op(7, "info", value)),
                  {{"model", "serializable"}})
              .verdict == Verdict::valid);
}

TEST_CASE("what was read may be what an incomplete write wrote") {
  const auto judged = [](const std::string& write, const std::string& later) {
    return checked(read(op(7, "invoke", write) + later + op(7, "info", write)),
                   {{"model", "read-uncommitted"}});
  };
  for (const char* const write : {"[[:append 1]]", "[[:append]]"}) {
    const CheckResult r = judged(write, run(0, "[[:append 1 1]]") + run(1, "[[:r 1 [1 5]]]"));
    CHECK(r.verdict == Verdict::unknown);
    CHECK(r.reason.find("operation 0 may have written") != std::string::npos);
  }
  CHECK(judged("[[:append 2]]", run(1, "[[:append 1 1] [:r 1 [1 5]]]")).verdict == Verdict::invalid);
  CHECK(judged("[[:w 1]]", run(1, "[[:w 2 1] [:r 1 5]]")).verdict == Verdict::unknown);
  CHECK(judged("[[:w 2]]", run(1, "[[:w 2 1] [:r 1 5]]")).verdict == Verdict::invalid);
  CHECK(judged("[[:add 1]]", run(1, "[[:add 2 1] [:r 1 [5]]]")).verdict == Verdict::unknown);
  CHECK(judged("[[:add 2]]", run(1, "[[:add 2 1] [:r 1 [5]]]")).verdict == Verdict::invalid);
  CHECK(judged("[[:inc 1]]", run(1, "[[:inc 2 1] [:r 1 5]]")).verdict == Verdict::unknown);
  CHECK(judged("[[:inc 2]]", run(1, "[[:inc 2 1] [:r 1 5]]")).verdict == Verdict::invalid);
  CHECK(judged("[[:insert 1]]", run(1, "[[:insert 2 1] [:r 1 5]]")).verdict == Verdict::unknown);
  CHECK(judged("[[:insert 2]]", run(1, "[[:insert 3 1] [:r 1 5]]")).verdict == Verdict::invalid);
  // It took effect, as its other write shows.
  CHECK(judged("[[:append 1] [:append 2 1]]", run(1, "[[:r 2 [1]]]")).verdict == Verdict::unknown);
}

TEST_CASE("parts of a micro-operation that nothing speaks of are ignored") {
  CHECK(checked(read(run(0, "[[:append 1 1 17] [:r 2 [] {:a 1} 2]]") + run(1, "[[:r 1 [1] 17]]")),
                {{"model", "strict-serializable"}})
            .verdict == Verdict::valid);
  CHECK(checked(read(run(0, "[[:w 1 1 :x] [:r 2 nil nil]]") + run(1, "[[:r 1 1 3 4]]")),
                {{"model", "strict-serializable"}})
            .verdict == Verdict::valid);
}

namespace {
Standing of(Model model, const std::string& edn) { return analysed(read(edn)).decisions.standing(model); }
}  // namespace

TEST_CASE("a list read shows every append in it, not the last alone") {
  using enum Model;
  const std::string missed = run(2, "[[:append 0 27]]") + op(1, "invoke", "[[:r 1 nil] [:r 0 nil]]") +
                             run(2, "[[:append 1 42]]") + run(3, "[[:append 1 45]]") +
                             op(1, "ok", "[[:r 1 [42 45]] [:r 0 []]]");
  for (const Model m : {monotonic_writes, pram, causal, strong_session_causal})
    CHECK(of(m, missed) == Standing::refuted);
  CHECK(of(causal_cerone, missed) == Standing::holds);  // 27 and 42 have a session in common alone
  const std::string after_reads = run(11, "[[:append 1 6]]") + run(4, "[[:r 1 [6]]]") +
                                  run(4, "[[:append 0 8]]") + run(10, "[[:append 0 9]]") +
                                  run(8, "[[:r 0 [8 9]] [:r 1 []]]");
  CHECK(of(writes_follow_reads, after_reads) == Standing::refuted);
  CHECK(of(causal, after_reads) == Standing::refuted);
  const std::string together = run(0, "[[:append 2 10] [:append 3 11]]") + run(1, "[[:append 2 12]]") +
                               run(2, "[[:r 2 [10 12]] [:r 3 []]]");
  CHECK(of(causal_cerone, together) == Standing::refuted);
  CHECK(of(read_atomic, together) == Standing::holds);
}

TEST_CASE("a read that ends in own appends has seen what is below them") {
  CHECK(of(Model::monotonic_snapshot_read, op(10, "invoke", "[[:append 0 6] [:append 2 7]]") +
                                               op(12, "invoke", "[[:append 0 18] [:r 0 nil] [:r 2 nil]]") +
                                               op(10, "ok", "[[:append 0 6] [:append 2 7]]") +
                                               op(12, "ok", "[[:append 0 18] [:r 0 [6 18]] [:r 2 []]]")) ==
        Standing::refuted);
}

TEST_CASE("two reads behind an own write that differ are not repeatable") {
  for (const char* const edn :
       {"[[:append 0 14] [:r 0 [14]] [:r 0 [14 9]]]", "[[:w 0 14] [:r 0 14] [:r 0 9]]"}) {
    const std::string other =
        std::string(edn).find(":w") == std::string::npos ? "[[:append 0 9]]" : "[[:w 0 9]]";
    CHECK(of(Model::item_cut_isolation, run(0, other) + run(1, edn)) == Standing::refuted);
  }
  CHECK(of(Model::item_cut_isolation,
           run(0, "[[:append 0 9]]") + run(1, "[[:r 0 [9]] [:append 0 8] [:r 0 [9 8]]]")) == Standing::holds);
}

TEST_CASE("the first read that shows no own later append counts for a lost update") {
  const Analysis a =
      analysed(read(all({"[[:r 1 [31]] [:r 1 []] [:append 1 31]]", "[[:r 1 []] [:append 1 32]]"})));
  CHECK(a.findings.count(Kind::lost_update) == 1);
}

TEST_CASE("a list that ends in the own append is no internal anomaly, though that occurs twice in it") {
  CHECK(anomaly_types(checked(read(run(0, "[[:append 1 43] [:r 1 [43 43]]]")), {})) == "duplicate-elements");
}

TEST_CASE("an element that occurs twice is no garbage") {
  const CheckResult r =
      checked(read(run(1, "[[:append 0 45]]") + run(0, "[[:r 0 [45 45]]]")), {{"model", "serializable"}});
  CHECK(anomaly_types(r) == "duplicate-elements");
}

TEST_CASE("an execution puts a reader first although it began after a write had returned") {
  // The second, the third, the first: each read sees what was written last.
  const std::string session =
      run(0, "[[:w 6 10] [:w 7 10]]") + run(0, "[[:r 6 nil] [:w 7 20]]") + run(0, "[[:w 6 20] [:r 7 20]]");
  CHECK(checked(read(session), {{"model", "serializable"}}).verdict == Verdict::valid);
  CHECK(checked(read(session), {{"model", "strong-session-serializable"}}).verdict == Verdict::invalid);
}

TEST_CASE("an order that reads dispute refutes no more than that they do") {
  using enum Model;
  const std::string disputed = op(8, "invoke", "[[:append 1 59]]") + op(0, "invoke", "[[:r 1 nil]]") +
                               op(8, "ok", "[[:append 1 59]]") + run(1, "[[:append 1 122] [:r 1 [122]]]") +
                               op(0, "ok", "[[:r 1 [59]]]");
  CHECK(of(read_committed, disputed) == Standing::refuted);
  for (const Model m : {read_uncommitted, strong_session_read_uncommitted, strong_read_uncommitted})
    CHECK(of(m, disputed) == Standing::undecided);
  // Which of two lists is the longer does not depend on how their elements are called.
  for (const char* const name : {"123", "23"}) {
    const std::string edn =
        run(8, "[[:append 1 21] [:append 7 22]]") + run(5, "[[:append 2 114] [:append 7 115]]") +
        run(1, "[[:append 1 " + std::string(name) + "] [:append 2 124]]") + run(4, "[[:append 1 127]]") +
        run(6, "[[:r 1 [" + std::string(name) + " 21]]]") +
        run(9, "[[:r 1 [21 " + std::string(name) + " 127]] [:r 2 [114 124]]]") + run(7, "[[:r 7 [22 115]]]");
    const Analysis a = analysed(read(edn));
    CHECK(a.findings.count(Kind::incompatible_order) == 1);
    CHECK(a.findings.cases(Kind::incompatible_order)[0].txn == 4);
    CHECK(a.findings.count(Kind::lost_write) == 0);
    CHECK_FALSE(a.decisions.refuted(read_uncommitted));
  }
  // What all reads agree on refutes as ever.
  const std::string agreed = run(0, "[[:append 1 1] [:append 2 1]]") +
                             run(1, "[[:append 1 2] [:append 2 2]]") + run(2, "[[:append 1 3]]") +
                             run(3, "[[:append 1 4]]") + run(4, "[[:r 1 [1 2 3]]]") +
                             run(5, "[[:r 1 [1 2 4]] [:r 2 [2 1]]]");
  CHECK(of(read_uncommitted, agreed) == Standing::refuted);
}

}  // namespace riven::checkers::isolation
