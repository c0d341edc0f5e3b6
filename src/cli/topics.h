// The ideas that `bantam help TOPIC` explains, a screen each: pages of docs/topics/, part of the program as they are.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace bantam::cli {

struct Topic {
  std::string_view name;      // "error-budget"
  std::string_view markdown;  // begins with "# Title: summary"
};

std::span<const Topic> Topics();

// What stands after the colon of its heading.
std::string_view TopicSummary(const Topic& topic);

// To be read as it is, in lines of at most `width` columns. `emphasize` is called with the heading and what the page
// sets as code; links become "text (docs/howto/x.md)".
std::string TopicText(const Topic& topic, size_t width, const std::function<std::string(std::string_view)>& emphasize);

}  // namespace bantam::cli
