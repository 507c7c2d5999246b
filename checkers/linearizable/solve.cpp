#include "checkers/linearizable/solve.h"

#include "checkers/linearizable/dfs.h"

namespace riven::linearizable {

Answer solve(const Options& options, const ModelSpec& spec, const Projection&,
             std::span<const Operation> part, const Watch& watch, unsigned) {
  Problem problem = make_problem(spec, part);
  return search_depth_first(problem, watch, options.want_order);
}

}  // namespace riven::linearizable
