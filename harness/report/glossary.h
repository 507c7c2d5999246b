// What anomaly names mean, in one sentence each, for readers who do not know the literature by heart.
#pragma once

#include <string_view>

namespace riven::report {

/// A sentence for the anomaly `type` (also with -process and -realtime behind it); empty for a name that is
/// not known. Definitions: Adya, Liskov, O'Neil 2000 (G0, G1, G2, G-single); Herlihy, Wing 1990
/// (linearizability); Elle (VLDB 2020).
std::string_view meaning(std::string_view type);

/// "-process" or "-realtime" behind a name: what that adds; empty for others.
std::string_view meaning_of_suffix(std::string_view type);

}  // namespace riven::report
