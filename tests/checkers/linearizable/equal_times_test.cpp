// Small random histories in which times are equal or step back, through the reader, against brute force.
#include <algorithm>
#include <array>
#include <numeric>

#include "harness/core/json.h"
#include "harness/history/reader.h"
#include "tests/catch.h"
#include "tests/checkers/linearizable/small_entries.h"

namespace riven::linearizable::testing {
namespace {

enum class Form : uint8_t { json_lines, edn };

/// What tells the order of the events.
enum class Order : uint8_t {
  lines,  ///< the lines, whatever their times
  index,  ///< the lines, numbered, whatever their times
  times,  ///< the times, as asked: what has one time counts as concurrent
};

std::string line_of(const Op& op, size_t index, Form form, Order order) {
  const std::string type(to_text(op.type));
  const std::string f(op.f.text());
  if (form == Form::json_lines) {
    Json line{{"time", op.time_ns}, {"process", op.process}, {"type", type}, {"f", f}};
    line["value"] = to_json(op.value);
    if (order == Order::index) line["index"] = index;
    return line.dump() + "\n";
  }
  return "{:type :" + type + ", :f :" + f + ", :value " + to_edn(op.value) + ", :process " +
         std::to_string(op.process) + ", :time " + std::to_string(op.time_ns) +
         (order == Order::index ? ", :index " + std::to_string(index) : "") + "}\n";
}

/// The operations with what has one time in flight together.
std::vector<Operation> blurred(const SmallHistory& small, const std::vector<Op>& entries) {
  std::vector<Operation> ops = small.operations();
  const auto time = [&](uint32_t event) { return static_cast<uint32_t>(entries[event].time_ns); };
  for (Operation& op : ops) {
    op.invoked = time(op.invoked) * 2;
    if (!op.pending()) op.returned = time(op.returned) * 2 + 1;
  }
  return ops;
}

struct Count {
  size_t valid = 0;
  size_t invalid = 0;
  size_t blurred = 0;  ///< valid only because events of one time count as concurrent
};

void judge(const SmallHistory& small, Rng& rng, Count& count) {
  std::vector<Op> entries = entries_of(small);
  int64_t now = 0;
  const auto order = static_cast<Order>(rng.below(3));
  const auto form = static_cast<Form>(rng.below(2));
  for (Op& op : entries) {
    const bool any = order != Order::times && rng.chance(0.3);  // a clock that steps back
    op.time_ns = any ? static_cast<int64_t>(rng.below(3)) : now += rng.chance(0.6) ? 0 : 1;
  }
  std::vector<size_t> lines(entries.size());
  std::iota(lines.begin(), lines.end(), size_t{0});
  if (order == Order::times)  // each process's own log, one after another
    std::stable_sort(lines.begin(), lines.end(),
                     [&](size_t x, size_t y) { return entries[x].process > entries[y].process; });
  std::string text;
  for (const size_t i : lines) text += line_of(entries[i], i, form, order);
  CAPTURE(text, to_text(small));
  const auto read =
      read_history_bytes(text, form == Form::edn ? "h.edn" : "h.jsonl",
                         {.order = order == Order::times ? EventOrder::time : EventOrder::file});
  if (!read) FAIL(read.error().message);
  const bool in_order = is_linearizable(small);
  const bool expected = order == Order::times ? is_linearizable(small, blurred(small, entries)) : in_order;
  const auto checker = make_checker(checker_options(small));
  REQUIRE(checker);
  Budget budget;
  budget.threads = 1;
  const CheckResult result = (*checker)->check(read->history, budget);
  if (result.verdict != (expected ? Verdict::valid : Verdict::invalid))
    FAIL("brute force says " << (expected ? "valid" : "invalid") << ", the checker: " << result.reason);
  ++(expected ? count.valid : count.invalid);
  count.blurred += expected && !in_order ? 1 : 0;
}

TEST_CASE("histories with equal times agree with brute force, through the readers") {
  const std::array models{Model::reg,
                          Model::cas_register,
                          Model::mutex,
                          Model::owner_mutex,
                          Model::reentrant_mutex,
                          Model::fenced_mutex,
                          Model::semaphore,
                          Model::set,
                          Model::fifo_queue,
                          Model::stack,
                          Model::priority_queue,
                          Model::unordered_queue,
                          Model::counter};
  for (const Model model : models) {
    for (const bool distinct : {false, true}) {
      if (kSanitized && distinct == (static_cast<int>(model) % 2 == 0)) continue;
      Rng rng(300 + static_cast<uint64_t>(model) * 2 + (distinct ? 1 : 0) + chunk() * 1'000'003);
      Count count;
      for (uint64_t i = 0; i < rounds(200);) {
        SmallShape shape;
        shape.model = model;
        shape.distinct = distinct;
        shape.operations = 2 + static_cast<int>(rng.below(7));
        const SmallHistory small = random_history(shape, rng);
        if (!any_completed(small) || (is_linearizable(small) && i % 2 == 0)) continue;
        ++i;
        judge(small, rng, count);
      }
      CAPTURE(to_text(model), distinct, count.valid, count.invalid, count.blurred);
      if (kSanitized) continue;
      CHECK(count.valid * 10 > rounds(200) * 2);
      CHECK(count.invalid * 10 > rounds(200) * 2);
      CHECK(count.blurred > 0);
    }
  }
}

}  // namespace
}  // namespace riven::linearizable::testing
