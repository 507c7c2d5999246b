// Exact search for keys that are appended to, whatever the values: repeated ones, and such as can be taken
// apart in several ways.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "checkers/linearizable/engine.h"
#include "checkers/linearizable/texts.h"

namespace riven::linearizable {

/// What the key may hold at first.
struct TextStarts {
  std::vector<std::string_view> texts;
  bool other = false;  ///< also something that no read begins with
};

/// Whether the search serves the part: at most 256 operations in flight at once.
bool text_search_applies(std::span<const Operation> part);

/// Just-in-time linearization (Lowe, CCPE 2017): completions in order, with the set of configurations that
/// may be there before each. What makes it small for texts:
///  - a text counts only as a place in the tree of the texts that reads to come show; every text that none of
///    them begins with is one and the same, and nothing is seen until the next put;
///  - an update is possible at any moment: whatever was in flight when a put took effect may have happened
///  just
///    before that, unseen, and need not be decided before it returns;
///  - reads are done as soon as the text is theirs; before the operation that returns only updates are done
///    that lead to a text which is still to be read;
///  - crashed updates are used only where they lead to such a text, and found by it.
/// First with as many configurations as `width`, the most likely ones; where that fails, with eight times as
/// many, until none was left out. `invalid` is exact, and so is its event; `unknown`: the time or the memory
/// ran out.
Answer search_texts(std::span<const Operation> part, const Texts& texts, const TextStarts& starts,
                    const Watch& watch, bool want_order, size_t width = 256);

}  // namespace riven::linearizable
