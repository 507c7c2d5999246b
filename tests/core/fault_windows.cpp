#include "harness/core/fault_windows.h"

#include "tests/catch.h"
#include "tests/checkers/script.h"

using namespace riven;
using test::proof;
using test::Script;

TEST_CASE("a fault is in force from the completion of its start to the invocation of its stop") {
  const History h = Script()
                        .fault(1'000, "start-partition", Value("n1 alone"))
                        .op(2'000, 1, 0, OpType::ok, "read")
                        .fault(3'000, "stop-partition", proof(true, 12))
                        .history();
  const FaultTimeline t = fault_timeline(h);
  REQUIRE(t.windows.size() == 1);
  const FaultWindow& w = t.windows[0];
  CHECK(w.name == "partition");
  CHECK(w.begin_ns == 1'001'000'000);
  CHECK(w.end_ns == 3'000'000'000);
  CHECK(w.ended);
  CHECK(w.target == "\"n1 alone\"");
  CHECK(w.took_effect == true);
  CHECK(w.dropped == 12);
  CHECK(w.proof() == true);
  CHECK(w.color.size() == 7);
}

TEST_CASE("spans of a package name functions that say nothing by themselves") {
  const std::vector<PlotSpan> spans = {{"split", "#123456", {"cut"}, {"mend", "mend-all"}}};
  const History h =
      Script().fault(10, "cut").fault(20, "mend-all").fault(30, "cut").fault(40, "mend").history();
  const FaultTimeline named = fault_timeline(h, spans);
  REQUIRE(named.windows.size() == 2);
  CHECK(named.windows[1].name == "split");
  CHECK(named.windows[1].color == "#123456");
  CHECK(named.marks.empty());
  CHECK(fault_timeline(h).marks.size() == 4);
}

TEST_CASE("the usual names pair up: kill and start, pause and resume, start and stop, heal for all") {
  const History h = Script()
                        .fault(10, "kill")
                        .fault(20, "start")
                        .fault(30, "pause")
                        .fault(40, "resume")
                        .fault(50, "start")
                        .fault(60, "stop")
                        .fault(70, "start-partition")
                        .fault(80, "start-link")
                        .fault(90, "heal")
                        .fault(95, "compact")
                        .history();
  const FaultTimeline t = fault_timeline(h);
  REQUIRE(t.windows.size() == 5);
  const char* names[] = {"kill", "pause", "fault", "partition", "link"};
  for (size_t i = 0; i < 5; ++i) {
    CHECK(t.windows[i].name == names[i]);
    CHECK(t.windows[i].ended);
  }
  REQUIRE(t.marks.size() == 1);
  CHECK(t.marks[0].name == "compact");
}

TEST_CASE("stopped nodes are a fault by themselves, as older versions called it too") {
  for (const auto& [begin, end] : {std::pair{"stop", "start-stopped"}, {"start-stop", "stop-stop"}}) {
    const History h =
        Script().fault(5, "start-link").fault(10, begin).fault(20, end).fault(30, "heal").history();
    const FaultTimeline t = fault_timeline(h);
    REQUIRE(t.windows.size() == 2);
    CHECK(t.windows[1].name == "stop");
    CHECK(t.windows[1].ended);
    CHECK(t.windows[1].end_ns == 20'000'000);
    CHECK(t.windows[0].end_ns == 30'000'000);
  }
}

TEST_CASE("a fault that could not be ended is in force until somebody ends it") {
  Script script;
  script.fault(10, "start-kill").fault(20, "stop-kill", Value(), Value("n2 is gone"));
  const FaultTimeline never = fault_timeline(script.entry(90, 0, OpType::invoke, "read").history());
  REQUIRE(never.windows.size() == 1);
  CHECK_FALSE(never.windows[0].ended);
  CHECK(never.windows[0].end_ns == 90'000'000);
  CHECK(never.windows[0].stop_error == "n2 is gone");
  for (const char* const mended : {"stop-kill", "heal"}) {
    Script again;
    again.fault(10, "start-kill").fault(20, "stop-kill", Value(), Value("n2 is gone"));
    const FaultTimeline later = fault_timeline(again.fault(30, mended, proof(true, Value())).history());
    REQUIRE(later.windows.size() == 1);
    CHECK(later.windows[0].ended);
    CHECK(later.windows[0].end_ns == 30'000'000);
    CHECK(later.windows[0].took_effect == true);
    CHECK(later.windows[0].stop_error.empty());
  }
}

TEST_CASE("proof is read wherever the completion carries it") {
  const auto proof_of = [](Value stop_value, Value start_value = {}) {
    const History h = Script()
                          .fault(10, "start-partition", std::move(start_value))
                          .fault(20, "stop-partition", std::move(stop_value))
                          .history();
    return fault_timeline(h).windows.at(0);
  };
  const auto key = [](const char* name) { return Value::keyword(name); };
  CHECK(proof_of(Value()).proof() == std::nullopt);
  CHECK(proof_of(Value("healed")).proof() == std::nullopt);
  CHECK(proof_of(proof(Value(), Value(0))).proof() == false);
  CHECK(proof_of(proof(Value(), Value(3))).proof() == true);
  CHECK(proof_of(proof(false, 3)).proof() == false);
  CHECK(proof_of(Value::map({key("dropped"), Value::map({key("n1"), Value(3), key("n2"), Value(4)})}))
            .dropped == 7);
  CHECK(proof_of(Value::map({key("n1"), proof(false, 0), key("n2"), proof(true, 9)})).proof() == true);
  CHECK(proof_of(Value::map({Value("n1"), proof(false, 0)})).proof() == false);
  CHECK(proof_of(Value::map({key("partition"), proof(true, 2), key("link"), proof(false, 0)})).dropped == 2);
  CHECK(proof_of(Value::map({key("took_effect"), Value(true), key("partition"), Value("halves")})).proof() ==
        true);
  CHECK(proof_of(Value(), proof(true, 1)).proof() == true);
  const auto old = [&](bool bit) { return Value::map({key("bit"), Value(bit), key("dropped"), Value(3)}); };
  CHECK(proof_of(old(true)).proof() == true);  // as journals of older versions have it
  CHECK(proof_of(old(false)).proof() == false);
  CHECK(
      proof_of(Value::map({key("n1"), proof(true, INT64_MAX), key("n2"), proof(true, INT64_MAX)})).dropped ==
      INT64_MAX);
}

TEST_CASE("what never ended lasts to the end; what never began has no length") {
  const History h = Script()
                        .fault(10, "start-partition")
                        .fault(20, "start-link", Value(), Value("no netem in this kernel"))
                        .op(500, 1, 0, OpType::ok, "read")
                        .fault(600, "stop-clock")
                        .history();
  const FaultTimeline t = fault_timeline(h);
  REQUIRE(t.windows.size() == 2);
  CHECK_FALSE(t.windows[0].ended);
  CHECK(t.windows[0].end_ns == 601'000'000);
  CHECK(t.windows[1].error == "no netem in this kernel");
  CHECK(t.windows[1].end_ns == t.windows[1].begin_ns);
}

TEST_CASE("a start on top of an open window is part of it; a start after a failed one is a new one") {
  const History again =
      Script().fault(10, "start-kill").fault(20, "start-kill").fault(30, "stop-kill").history();
  CHECK(fault_timeline(again).windows.size() == 1);
  const History retried = Script()
                              .fault(10, "start-link", Value(), Value("busy"))
                              .fault(20, "start-link")
                              .fault(30, "stop-link")
                              .history();
  const FaultTimeline t = fault_timeline(retried);
  REQUIRE(t.windows.size() == 2);
  CHECK(t.windows[0].error == "busy");
  CHECK(t.windows[1].error.empty());
  CHECK(t.windows[1].ended);
}

TEST_CASE(
    "a start whose completion is missing begins at its invocation; a client's functions are no faults") {
  const History h = Script()
                        .entry(10, kNemesis, OpType::info, "start-partition")
                        .op(20, 1, 0, OpType::ok, "kill")
                        .history();
  const FaultTimeline t = fault_timeline(h);
  REQUIRE(t.windows.size() == 1);
  CHECK(t.windows[0].begin_ns == 10'000'000);
  CHECK(fault_timeline(Script().history()).windows.empty());
}
