// Whether a few operations of a part are enough to refuse it.
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "checkers/linearizable/checker.h"
#include "checkers/linearizable/refusal_texts.h"
#include "checkers/linearizable/verifier.h"

namespace riven::linearizable {

/// Judges sets of operations (indices of the part's operations, by invocation) on their own. An operation
/// that is not in the set is weakened: one that looks is dropped, one that changes something becomes one that
/// may happen at any time or never. So what is refused without it refuses the history.
///  - registers: in the window that the set spans, from every state that could matter;
///  - models with at most 64 states: in that window, from every state that what began before leads to;
///  - counters, reentrant locks without a limit, fenced locks: the same, from every state that the window can
///    tell apart;
///  - collections: whole elements are left out (their other elements then stay linearizable);
///  - keys that are appended to: in that window, from all that can matter (TextQuestions);
///  - other models: from the beginning.
class Refusal {
 public:
  /// All are kept, not copied.
  Refusal(const Options& options, const ModelSpec& spec, const Projection& projection,
          std::span<const Operation> part, const Watch& watch);

  /// Nothing that was invoked after `event` counts.
  void up_to(uint32_t event) { end_ = event; }
  /// From now on checks the whole prefix instead of a window: slower, stronger. False: it was so already.
  bool from_the_beginning();
  /// Whether the chosen operations are enough, as an engine says.
  bool refused(const std::vector<uint32_t>& chosen);
  /// What the verifier says of the same question; its states are those before `event`, as far as the chosen
  /// operations alone say.
  SecondOpinion second_opinion(const std::vector<uint32_t>& chosen, uint32_t event);

  /// With every element of a collection all of its operations.
  std::vector<uint32_t> closed(std::vector<uint32_t> chosen);
  /// Without `chunk` operations from `at` on, and the elements of a collection that they are about.
  std::vector<uint32_t> without(const std::vector<uint32_t>& chosen, size_t at, size_t chunk) const;

  bool is_register() const { return family_ == Family::reg; }
  bool is_collection() const { return family_ == Family::elements; }

 private:
  enum class Family : uint8_t { reg, texts, elements, few_states, endless, other };
  using Leads = std::vector<std::vector<Operation>>;
  /// Operations, with their times moved.
  struct Moved {
    std::vector<Operation> operations;
    int64_t by = 0;
    std::shared_ptr<const ModelSpec> spec{};  ///< with another initial state, where it is not the model's own
    std::shared_ptr<Projection> values{};     ///< with other values, where they are not the part's own
  };
  /// Registers: what makes a value.
  struct Maker {
    uint32_t first = kPending;  ///< operation
    bool alone = false;
  };
  /// A question: refused if every one of its histories is.
  struct Question {
    std::vector<Moved> histories;
    bool possible = true;  ///< false: the set cannot be judged so
  };

  Question question(const std::vector<uint32_t>& chosen, bool conditional = false);
  Question elements_question(const std::vector<uint32_t>& chosen) const;
  Question whole_question(const std::vector<uint32_t>& chosen) const;
  Question window_question(const std::vector<uint32_t>& chosen) const;
  Question register_question(const std::vector<uint32_t>& chosen) const;
  Question endless_question(const std::vector<uint32_t>& chosen);
  Question text_question(const std::vector<uint32_t>& chosen, bool conditional);
  std::vector<Operation> window_of(const std::vector<uint32_t>& chosen, uint32_t& begin) const;
  Leads starts(uint32_t begin) const;
  // nullopt: too many to try, or none can be told.
  std::optional<Leads> reentrant_starts(const std::vector<Operation>& window, uint32_t begin) const;
  std::optional<Leads> fenced_starts(const std::vector<Operation>& window, uint32_t begin) const;
  std::optional<std::vector<int64_t>> counter_starts(const std::vector<Operation>& window,
                                                     uint32_t begin) const;
  int64_t counter_initial() const;
  static Moved moved(std::vector<Operation> lead, const std::vector<Operation>& window, uint32_t begin);
  void find_makers();
  Maker maker_of(int32_t value) const;
  /// Operations that may take effect between entries: all that were invoked before `end` and had not returned
  /// before `begin`, by invocation.
  template <typename Fn>
  void each_in_flight(uint32_t begin, uint32_t end, const Fn& fn) const;
  std::vector<uint32_t> updates_in_flight(uint32_t begin, uint32_t end) const;
  bool may_hold(int32_t value, uint32_t begin, const std::vector<uint32_t>& chosen) const;
  bool register_search(const Moved& history) const;
  bool text_search(const Moved& history) const;
  bool search(const Moved& history) const;

  Options options_;
  const ModelSpec& spec_;
  const Projection& projection_;
  std::span<const Operation> part_;
  const Watch& watch_;
  Family family_ = Family::other;
  std::unique_ptr<TextQuestions> texts_;
  bool whole_texts_ = false;         ///< from the beginning
  std::unique_ptr<Projection> own_;  ///< counters: values alone, for specs with other initial sums
  uint32_t end_ = kPending;
  std::vector<uint32_t> latest_return_;  ///< of the first operations, crashed ones aside
  std::vector<uint32_t> crashed_;
  std::vector<Maker> makers_;     ///< by value
  std::vector<Operation> kinds_;  ///< operations that change something, the first of each kind
  std::vector<std::pair<int32_t, uint32_t>> of_element_;  ///< element, operation
};

}  // namespace riven::linearizable
