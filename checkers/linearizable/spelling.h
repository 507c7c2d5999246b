// How the values that were read spell out which updates made them.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "checkers/linearizable/engine.h"
#include "checkers/linearizable/operation.h"
#include "checkers/linearizable/texts.h"

namespace riven::linearizable {

/// Takes the values that were read apart into what was put and what was appended to it. Where every way to do
/// so is the only one, each update that was seen has one state before it and makes one state: a state is
/// named by the update that makes it.
class Spelling {
 public:
  static constexpr uint32_t kInitial = UINT32_MAX;      ///< the state before any update
  static constexpr uint32_t kNone = UINT32_MAX - 1;     ///< no state
  static constexpr uint32_t kSeveral = UINT32_MAX - 2;  ///< more than one way to make it

  /// All are kept, not copied.
  Spelling(std::span<const Operation> part, const Texts& texts, std::string_view initial, size_t values);

  /// What the reads say, in the order in which they returned.
  enum class Outcome : uint8_t { clear, ambiguous, contradiction, out_of_budget };
  Outcome run(const Watch& watch);

  /// After `clear`: the state that the read saw, the state before an append that was seen, and the read that
  /// showed an update first (kNone: none did).
  uint32_t seen(uint32_t read) const { return seen_[read]; }
  uint32_t before(uint32_t update) const { return before_[update]; }
  uint32_t shown_by(uint32_t update) const { return shown_by_[update]; }
  /// A place in a text at which an update may have ended.
  struct Step {
    size_t at = 0;
    uint32_t update = kInitial;  ///< the last one, of the first way
    uint32_t before = kNone;     ///< step
    uint32_t soonest = 0;        ///< event: no way is possible before all its updates have been invoked
    uint8_t ways = 0;            ///< to get here: 1, or 2 for more
    bool told = false;           ///< what it says of its update is noted
  };
  /// All ways to take a text apart, by place; until the next call.
  const std::vector<Step>& steps(std::string_view text);

  /// After `contradiction`: the reads that cannot both be right, or the one that cannot.
  const std::vector<uint32_t>& contradiction() const { return contradiction_; }

 private:
  /// A text with all its steps. Those of a text that begins with it are the same so far.
  struct Spine {
    std::string_view text;
    std::vector<Step> steps;  // by place
  };

  void index();
  Spine& spine_of(std::string_view text);
  void extend(Spine& spine, std::string_view text);
  void reach(const Step& step);
  uint32_t spell(std::string_view text, uint32_t read);
  bool tell(Spine& spine, size_t step, uint32_t read);
  uint64_t memory_bytes() const;

  std::span<const Operation> part_;
  const Texts& texts_;
  std::string_view initial_;
  size_t values_;
  PieceIndex appended_;
  PieceIndex put_;
  std::vector<uint32_t> seen_;
  std::vector<uint32_t> before_;
  std::vector<uint32_t> shown_by_;
  std::vector<uint32_t> next_;  // by update, the last is the initial state's: what was appended to it
  std::unordered_map<std::string_view, Spine> spines_;  // by their first bytes
  uint64_t steps_ = 0;
  std::vector<Step> pending_;  // not final yet; the next last
  std::vector<uint32_t> contradiction_;
};

}  // namespace riven::linearizable
