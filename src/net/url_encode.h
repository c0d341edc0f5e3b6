// Texts as parts of addresses.
#pragma once

#include <string>
#include <string_view>

namespace bantam {

// Everything but letters, digits and -._~ as %XX (RFC 3986).
std::string UrlEncode(std::string_view text);

}  // namespace bantam
