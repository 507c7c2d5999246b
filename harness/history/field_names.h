// The fields of an operation beside process, type, f, value, time, index and error. Internal to
// harness/history.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace riven::reading {

/// What becomes of such a field.
enum class OtherField : uint8_t {
  key,       ///< the object that the operation is about
  harmless,  ///< says nothing that a verdict rests on
  named,     ///< passed over, and a warning names it
  refused,   ///< it may change what the operation means
};

/// `strict`: a field of a name that Riven does not know is refused; else only one whose name is known to mean
/// something, as in Jepsen's EDN, where tests add fields of their own. `ignored`: what the caller says is
/// harmless, exactly so spelled. Otherwise case, and `_` for `-`, do not matter.
OtherField other_field(std::string_view name, bool strict, const std::vector<std::string>& ignored);

/// "the field shard ...: what to do".
std::string why_refused(std::string_view name);

}  // namespace riven::reading
