// Names and addresses that a server says, or that go into one.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace bantam {

// `path` names a file inside a folder on every system: parts of 1 to 255 bytes between single slashes, none of them "."
// or "..", no backslash, no control character, well-formed UTF-8, not our own manifest. kCorrupt says what is wrong;
// `where` begins the message.
Status CheckRemotePath(std::string_view path, std::string_view where);

// For a part of a URL's path: everything but letters, digits and "-._~" as %XX, and '/' kept if `keep_slash`.
std::string PercentEncode(std::string_view text, bool keep_slash);

// A URL for messages: without its query, which may hold a signature, cut and safe to print.
std::string ShownUrl(std::string_view url);

// What `location` means in an answer to `url` (RFC 3986, section 5.2, without dot segments), without its fragment.
std::string ResolveUrl(std::string_view url, std::string_view location);

// The host of an http or https URL, lower case, without port and brackets.
std::string HostOf(std::string_view url);

// Whether a host by its spelling is this machine or the link it hangs on: localhost, 127.0.0.0/8, 169.254.0.0/16 (where
// clouds keep their credentials), ::1 and their like, in every notation that the system's resolver reads.
bool IsLocalHost(const std::string& host);

}  // namespace bantam
