// A small strict reader of markup: enough to tell that a page or an XML file is well-formed.
#pragma once

#include <string>
#include <string_view>

namespace riven::test {

enum class Dialect { xml, html };

/// What is wrong first, with its place; empty when nothing is: every element closed in order, every attribute
/// quoted and given once, every & an entity, no < in text, no control character, no duplicate id. HTML: void
/// elements, and script and style whose content is not looked at. SVG inside HTML may close itself.
std::string markup_error(std::string_view text, Dialect dialect);

}  // namespace riven::test
