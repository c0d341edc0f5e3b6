#include "cli/topics.h"

#include <array>

#include "cli/wrap.h"

// Defined by embedded_files.S.
extern "C" {
#define BANTAM_TOPIC(symbol, file) extern const char bantam_topic_##symbol[], bantam_topic_##symbol##_end[];
#include "cli/topic_list.inc"
#undef BANTAM_TOPIC
}

namespace bantam::cli {
namespace {

std::string_view WithoutEnding(std::string_view file) { return file.substr(0, file.rfind('.')); }

// [text](../howto/x.md#part) -> text (docs/howto/x.md); a page of topics/ is the help of that name.
std::string WithoutLinks(std::string_view text) {
  std::string out;
  while (true) {
    const size_t middle = text.find("](");
    const size_t begin = middle == std::string_view::npos ? middle : text.rfind('[', middle);
    const size_t end = middle == std::string_view::npos ? middle : text.find(')', middle);
    if (begin == std::string_view::npos || end == std::string_view::npos) return out + std::string(text);
    std::string_view target = text.substr(middle + 2, end - middle - 2);
    target = target.substr(0, target.find('#'));
    out += text.substr(0, begin);
    out += text.substr(begin + 1, middle - begin - 1);
    if (target.starts_with("../")) {
      out += " (docs/" + std::string(target.substr(3)) + ")";
    } else {
      out += " (bantam help " + std::string(WithoutEnding(target)) + ")";
    }
    text.remove_prefix(end + 1);
  }
}

std::string Emphasized(std::string_view text, const std::function<std::string(std::string_view)>& emphasize) {
  std::string out;
  while (true) {
    const size_t begin = text.find('`');
    const size_t end = begin == std::string_view::npos ? begin : text.find('`', begin + 1);
    if (end == std::string_view::npos) return out + std::string(text);
    out += text.substr(0, begin);
    out += emphasize(text.substr(begin + 1, end - begin - 1));
    text.remove_prefix(end + 1);
  }
}

}  // namespace

std::span<const Topic> Topics() {
#define BANTAM_TOPIC(symbol, file) Topic{WithoutEnding(file), {bantam_topic_##symbol, bantam_topic_##symbol##_end}},
  static const std::array topics = {
#include "cli/topic_list.inc"
  };
#undef BANTAM_TOPIC
  return topics;
}

std::string_view TopicSummary(const Topic& topic) {
  std::string_view text = topic.markdown;
  const std::string_view heading = TakeLine(text);
  const size_t colon = heading.find(": ");
  return colon == std::string_view::npos ? heading : heading.substr(colon + 2);
}

std::string TopicText(const Topic& topic, size_t width, const std::function<std::string(std::string_view)>& emphasize) {
  std::string_view text = topic.markdown;
  std::string out = emphasize(TakeLine(text).substr(2)) + "\n";
  std::string paragraph;
  const auto end_paragraph = [&] {
    if (paragraph.empty()) return;
    const size_t indent = paragraph.starts_with("- ") ? 2 : 0;
    const std::string filled = Wrap(WithoutLinks(paragraph).substr(indent), indent, width);
    out += Emphasized(paragraph.substr(0, indent) + filled, emphasize) + "\n";
    paragraph.clear();
  };
  bool code = false;
  while (!text.empty()) {
    const std::string_view line = TakeLine(text);
    if (line.starts_with("<!--")) continue;  // what the tests of the examples are told
    if (line.starts_with("```")) {
      end_paragraph();
      code = !code;
    } else if (code) {
      out += "  " + std::string(line) + "\n";
    } else if (line.empty()) {
      end_paragraph();
      out += "\n";
    } else {
      if (line.starts_with("- ")) end_paragraph();
      const size_t begin = line.find_first_not_of(' ');
      paragraph += (paragraph.empty() ? "" : " ") + std::string(line.substr(begin));
    }
  }
  end_paragraph();
  return out;
}

}  // namespace bantam::cli
