// Words with separators between them.
#pragma once

#include <string>
#include <string_view>

namespace riven {

/// word(item) of each item, with `separator` between them.
template <typename Items, typename Word>
std::string joined(const Items& items, std::string_view separator, Word word) {
  std::string text;
  bool first = true;
  for (const auto& item : items) {
    if (!first) text += separator;
    first = false;
    text += word(item);
  }
  return text;
}

/// The items themselves: strings, string views or literals.
template <typename Words>
std::string joined(const Words& words, std::string_view separator = ", ") {
  return joined(words, separator, [](const auto& word) -> std::string_view { return word; });
}

}  // namespace riven
