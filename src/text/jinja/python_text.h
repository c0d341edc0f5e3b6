// Characters and numbers as Python's str, repr and json have them: templates were written against those, and a model
// was trained on what they print.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "text/jinja/marked_text.h"

namespace bantam::jinja {

// Python's integers have no bound; these are refused beyond 127 bits. Wide enough for every integer that JSON brings.
__extension__ typedef __int128 Int;

std::string FormatInt(Int number);
// repr(): the shortest digits that read back the same; "1e+16", "0.0001", "3.0", "inf", "nan".
std::string FormatFloat(double number);

bool IsPrintable(char32_t c);
bool IsPythonSpace(char32_t c);

// str.lower(), upper(), capitalize(), title(): by Python's tables, each character with the mark of what it came from.
MarkedText Lower(const MarkedText& text);
MarkedText Upper(const MarkedText& text);
MarkedText Capitalize(const MarkedText& text);
MarkedText Title(const MarkedText& text);
bool IsLower(std::string_view text);
bool IsUpper(std::string_view text);

// repr() of a string: quoted, escaped.
void AppendRepr(const MarkedText& text, MarkedText& out);
// json.dumps() of a string.
void AppendJsonString(const MarkedText& text, bool ensure_ascii, MarkedText& out);
// Markup's: & < > " and '.
void AppendHtmlEscaped(const MarkedText& text, MarkedText& out);

// How many bytes the white space at the beginning, or end, takes. `characters`: not white space, but any of these.
size_t StripLeft(std::string_view text);
size_t StripRight(std::string_view text);
size_t StripLeft(std::string_view text, std::string_view characters);
size_t StripRight(std::string_view text, std::string_view characters);

}  // namespace bantam::jinja
