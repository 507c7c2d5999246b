// Names that were nearly right, for messages about names that are not known.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace riven {

/// Those of `names` that `name` may have been meant for, the likeliest first, five at most: in any case of
/// letters, with a slip of the keys or two, or longer names that it is a part of.
std::vector<std::string> similar_names(std::string_view name, const std::vector<std::string>& names);

}  // namespace riven
