// Text inside XML: JUnit reports, SVG.
#pragma once

#include <string>
#include <string_view>

namespace bantam {

// For element content and quoted attributes. Invalid UTF-8 and control characters, which XML 1.0 cannot hold even
// escaped, are replaced; line ends and tabs stay.
std::string EscapeXml(std::string_view text);

}  // namespace bantam
