// Whether a few operations of a key that is appended to are enough to refuse it: the questions to ask.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checkers/linearizable/builtin_models.h"
#include "checkers/linearizable/spelling.h"
#include "checkers/linearizable/texts.h"

namespace riven::linearizable {

/// A few operations with values and a model of their own.
struct TextHistory {
  std::vector<Operation> operations;
  std::shared_ptr<Projection> values;
  std::shared_ptr<const ModelSpec> spec;
};

class TextQuestions {
 public:
  /// All are kept, not copied.
  TextQuestions(const ModelOptions& model, std::span<const Operation> part, const Projection& projection);
  bool apply() const { return texts_.apply(); }

  struct Request {
    std::span<const uint32_t> chosen;  ///< operations of the part, by invocation
    std::span<const uint32_t> others;  ///< updates in flight with them: they may happen or not
    uint32_t begin = 0;  ///< the first invocation of the chosen; 0: the beginning of the history
    bool whole = false;  ///< `others` are all there are, nothing has happened before
    /// Others that can lead to a text that was read from one text alone are a cas from that text: the same
    /// for what was chosen, and much less to try for a plain search.
    bool conditional = false;
  };
  /// The chosen operations are impossible if every one of these histories is. The key holds at first what it
  /// may hold when the window begins: a beginning of a text that a chosen read shows from which updates in
  /// the window lead on to it, as far as updates before can have made it; or anything else. Other updates
  /// count as far as they can lead to such a text. nullopt: too many to ask.
  std::optional<std::vector<TextHistory>> ask(const Request& request);

 private:
  /// A text that a chosen read shows, and the places from which the window's updates lead to its end.
  struct Goal {
    std::string_view text;
    std::vector<size_t> places;  // ascending
  };
  /// From the first `from` bytes of a text to the first `to`.
  struct Edge {
    std::string_view from;
    std::string_view to;
  };
  /// What the key may hold at first, and the other updates that must have happened to make it.
  struct Start {
    std::string_view text;
    std::vector<uint32_t> made_by;
  };

  std::vector<Goal> goals(const Request& request) const;
  void find_places(const Request& request, Goal& goal) const;
  std::vector<Edge> edges(const std::vector<Goal>& goals, const Operation& op) const;
  std::optional<Start> start(const Request& request, const Goal& goal, size_t place);
  TextHistory history(const Request& request, const std::vector<Goal>& goals, const Value& initial,
                      const std::vector<uint32_t>& without) const;

  ModelOptions model_;
  std::span<const Operation> part_;
  const Projection& projection_;
  Texts texts_;
  Spelling spelling_;
  std::vector<uint32_t> met_;  // by operation: when it was met last on the way to a text
  uint32_t ways_ = 0;
};

}  // namespace riven::linearizable
