#include "text/grammar/unicode_properties.h"

#include <algorithm>
#include <array>

#include "text/unicode_categories.h"

namespace bantam::grammar {
namespace {

using namespace bantam::text;  // NOLINT(google-build-using-namespace): the bits' names

struct Property {
  std::string_view brief, name;
  uint32_t categories;
  std::string_view other_name = {};
};

constexpr uint32_t kCased = kTtLu | kTtLl | kTtLt;
constexpr Property kProperties[] = {
    {"L", "Letter", kCased | kTtLm | kTtLo},
    {"LC", "Cased_Letter", kCased},
    {"Lu", "Uppercase_Letter", kTtLu},
    {"Ll", "Lowercase_Letter", kTtLl},
    {"Lt", "Titlecase_Letter", kTtLt},
    {"Lm", "Modifier_Letter", kTtLm},
    {"Lo", "Other_Letter", kTtLo},
    {"M", "Mark", kTtM, "Combining_Mark"},
    {"N", "Number", kTtN},
    {"Nd", "Decimal_Number", kTtNd, "digit"},
    {"P", "Punctuation", kTtP, "punct"},
    {"Pc", "Connector_Punctuation", kTtPc},
    {"S", "Symbol", kTtS},
};
constexpr size_t kNumProperties = std::size(kProperties);

std::array<CodePointSet, kNumProperties> MakeSets() {
  constexpr uint32_t kEnd = 0x110000;
  std::array<std::vector<CodePointRange>, kNumProperties> ranges;
  for (uint32_t c = 0; c < kEnd; ++c) {
    const uint32_t categories = CategoriesOf(c);
    for (size_t i = 0; i < kNumProperties; ++i) {
      if ((categories & kProperties[i].categories) == 0) continue;
      std::vector<CodePointRange>& own = ranges[i];
      if (!own.empty() && own.back().last + 1 == c) {
        own.back().last = c;
      } else {
        own.push_back({c, c});
      }
    }
  }
  std::array<CodePointSet, kNumProperties> sets;
  for (size_t i = 0; i < kNumProperties; ++i) sets[i] = CodePointSet::From(std::move(ranges[i]));
  return sets;
}

}  // namespace

const CodePointSet* FindProperty(std::string_view name) {
  static const CodePointSet any = CodePointSet::All(), ascii{{0, 0x7F}};
  if (name == "Any") return &any;
  if (name == "ASCII") return &ascii;
  for (const std::string_view key : {"gc=", "General_Category="}) {
    if (name.starts_with(key)) name.remove_prefix(key.size());
  }
  const auto* found = std::ranges::find_if(kProperties, [&](const Property& property) {
    return name == property.brief || name == property.name || (!name.empty() && name == property.other_name);
  });
  if (found == std::end(kProperties)) return nullptr;
  static const std::array<CodePointSet, kNumProperties> sets = MakeSets();
  return &sets[static_cast<size_t>(found - std::begin(kProperties))];
}

std::string KnownProperties() {
  std::string known;
  for (const Property& property : kProperties) known += std::string(property.brief) + ", ";
  return known + "their long names, Any and ASCII";
}

}  // namespace bantam::grammar
