#include "nemesis/shared/turns.h"

#include <string>
#include <utility>

#include "nemesis/shared/jittered.h"
#include "nemesis/shared/node_choice.h"

namespace riven {

FaultPackage in_turns(std::unique_ptr<Nemesis> nemesis, int64_t interval_ns, DrawStart start, PlotSpan span) {
  const GeneratorPtr stop = gen::one(gen::op(span.stops.front()));
  const GeneratorPtr starts =
      gen::fn([draw = std::move(start)](const Context&, Rng& rng) { return draw(rng); });
  return {.nemesis = std::move(nemesis),
          .generator = jittered(interval_ns, gen::flip_flop(starts, gen::repeat(stop))),
          .final_generator = stop,
          .span = std::move(span)};
}

DrawStart at_nodes(const char* f, const Value& choice) {
  return [f = std::string(f), choice](Rng& rng) { return gen::op(f, word_of(choice, rng)); };
}

}  // namespace riven
