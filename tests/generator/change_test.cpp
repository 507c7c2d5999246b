#include "tests/generator/perfect_world.h"

namespace riven {

using gen::op;

TEST_CASE("map changes each operation") {
  const auto twice = [](Op each) {
    each.value = Value(each.value.integer() * 2);
    return each;
  };
  CHECK(play(gen::map(twice, gen::limit(3, counting("w")))).words() == Lines{"w 0", "w 2", "w 4"});
  const auto at = [](Op each, const Context& context) {
    each.value = Value(context.time_ns());
    return each;
  };
  CHECK(play(gen::map(at, gen::limit(2, counting("w"))), with_clients(1)).words() == Lines{"w 0", "w 10"});
}

TEST_CASE("f_map renames, and translates back for its child") {
  const auto child = gen::on_update(
      [](const GeneratorPtr& inner, const Context&, const Op& done) -> Updated {
        if (done.type != OpType::ok || done.f != Symbol("start")) return std::nullopt;
        return gen::sequence({gen::one(op("saw-start")), inner});
      },
      gen::ops({op("start"), op("other"), op("start")}));
  CHECK(play(gen::f_map({{"start", "start-partition"}}, child), with_clients(1)).words() ==
        Lines{"start-partition", "saw-start", "other", "start-partition"});
}

TEST_CASE("filter drops operations and advances past them") {
  const auto odd = [](const Op& each) { return each.value.integer() % 2 == 1; };
  CHECK(play(gen::filter(odd, gen::limit(6, counting("w")))).words() == Lines{"w 1", "w 3", "w 5"});
  // Nothing passes: time goes on, so that a time limit can end it.
  CHECK(play(gen::time_limit(5'000'000, gen::filter([](const Op&) { return false; }, endless("a")))).done);
  // After a pause the draws are not those that were dropped before.
  const auto rare = [](const Context&, Rng& rng) -> std::optional<gen::Draft> {
    return op("x", static_cast<int64_t>(rng.below(40'000)));
  };
  const auto hit = [](const Op& each) { return each.value.integer() == 7; };
  CHECK(play(gen::limit(3, gen::filter(hit, gen::fn(rare)))).ops.size() == 3);
}

TEST_CASE("on_update replaces the child") {
  const auto stop_on_fail = [](const GeneratorPtr&, const Context&, const Op& done) -> Updated {
    if (done.type == OpType::fail) return GeneratorPtr();
    return std::nullopt;
  };
  WorldOptions options = with_clients(1);
  options.outcome = [](const Op&, int64_t n) { return n == 2 ? OpType::fail : OpType::ok; };
  CHECK(play(gen::on_update(stop_on_fail, counting("w")), options).words() == Lines{"w 0", "w 1", "w 2"});
}

}  // namespace riven
