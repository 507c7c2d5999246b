#include "harness/core/similar_names.h"

#include <algorithm>
#include <utility>

namespace riven {
namespace {

/// How many letters have to be put in, taken out, changed or swapped with their neighbour (Damerau 1964,
/// without a second change of what was swapped).
size_t slips(std::string_view x, std::string_view y) {
  std::vector<std::vector<size_t>> least(x.size() + 1, std::vector<size_t>(y.size() + 1));
  for (size_t i = 0; i <= x.size(); ++i) {
    for (size_t j = 0; j <= y.size(); ++j) {
      size_t& here = least[i][j];
      if (i == 0 || j == 0) {
        here = i + j;
        continue;
      }
      const size_t changed = x[i - 1] == y[j - 1] ? 0 : 1;
      here = std::min({least[i - 1][j] + 1, least[i][j - 1] + 1, least[i - 1][j - 1] + changed});
      if (i > 1 && j > 1 && x[i - 1] == y[j - 2] && x[i - 2] == y[j - 1])
        here = std::min(here, least[i - 2][j - 2] + 1);
    }
  }
  return least[x.size()][y.size()];
}

std::string small_letters(std::string_view text) {
  std::string small(text);
  for (char& c : small)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return small;
}

}  // namespace

std::vector<std::string> similar_names(std::string_view name, const std::vector<std::string>& names) {
  constexpr size_t kMost = 5;
  constexpr size_t kPartOf = 3;  // counts as so many slips
  constexpr size_t kLongest = 64;
  std::vector<std::pair<size_t, std::string>> found;
  const std::string mine = small_letters(name.substr(0, kLongest));
  for (const std::string& other : names) {
    const std::string theirs = small_letters(other);
    size_t distance = slips(mine, theirs);
    if (distance > std::min<size_t>(2, mine.size() / 3)) {
      if (mine.size() < 3 || theirs.find(mine) == std::string::npos) continue;
      distance = kPartOf;
    }
    found.emplace_back(distance, other);
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& x, const auto& y) { return x.first < y.first; });
  std::vector<std::string> similar;
  for (size_t i = 0; i < found.size() && i < kMost; ++i) similar.push_back(found[i].second);
  return similar;
}

}  // namespace riven
