// What a template's author meets: values, errors with their place, and the order of things. That the output is Jinja's
// is the business of tests/differential/test_chat_template.py.
#include "text/jinja/template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing.h"

namespace bantam::jinja {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

Result<std::string> Rendered(std::string_view source, const json::object& variables = {}, const Limits& limits = {}) {
  BANTAM_TRY(const Template program, Template::Parse(source, "t"));
  std::vector<Variable> list;
  for (const auto& [name, value] : variables) list.push_back({name, &value});
  std::tm now{};
  now.tm_year = 124;
  now.tm_mon = 6;
  now.tm_mday = 26;
  BANTAM_TRY(MarkedText text, program.Render(list, limits, now));
  return std::move(text).TakeBytes();
}

std::string Text(std::string_view source, const json::object& variables = {}) {
  const Result<std::string> text = Rendered(source, variables);
  return text ? *text : "ERROR " + text.error().message;
}

Error Failure(std::string_view source, const json::object& variables = {}, const Limits& limits = {}) {
  const Result<std::string> text = Rendered(source, variables, limits);
  if (!text) return text.error();
  ADD_FAILURE() << source << " gave " << *text;
  return Error{};
}

TEST(JinjaTemplate, ChatMlReadsAsItLooks) {
  const json::value messages = {{{"role", "user"}, {"content", "Hi"}}, {{"role", "assistant"}, {"content", "Ho"}}};
  EXPECT_EQ(Text("{% for m in messages %}\n"
                 "{{ '<|im_start|>' + m.role + '\\n' + m['content'] + '<|im_end|>' }}\n"
                 "{% endfor %}\n"
                 "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}\n",
                 {{"messages", messages}, {"add_generation_prompt", true}}),
            "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHo<|im_end|>\n<|im_start|>assistant\n");
}

TEST(JinjaTemplate, NumbersPrintAsInPython) {
  EXPECT_EQ(Text("{{ 1.0 }} {{ 1e16 }} {{ 0.0001 }} {{ 1e-5 }} {{ 7 // -2 }} {{ -7 % 3 }} {{ 2 ** 100 }}"),
            "1.0 1e+16 0.0001 1e-05 -4 2 1267650600228229401496703205376");
  EXPECT_EQ(Text("{{ x }} {{ x | tojson }}", {{"x", std::numeric_limits<uint64_t>::max()}}),
            "18446744073709551615 18446744073709551615");
}

TEST(JinjaTemplate, WhatIsUndefinedIsNamed) {
  EXPECT_EQ(Text("[{{ x }}]"), "[]");
  EXPECT_EQ(Failure("{{ x.y }}").message, "t:1:5: \"x\" is undefined");
  EXPECT_EQ(Failure("{{ m.x.y }}", {{"m", json::object()}}).message, "t:1:7: \"x\" is undefined");
  EXPECT_EQ(Failure("\n  {{ 'a' + x }}").message, "t:2:12: \"x\" is undefined");
  EXPECT_EQ(Failure("{{ m['k'] + 1 }}", {{"m", json::object()}}).message, "t:1:13: \"k\" is undefined");
}

TEST(JinjaTemplate, ErrorsSayWhereAndWhat) {
  struct Case {
    const char* source;
    const char* message;
    ErrorCode code;
  };
  const Case cases[] = {
      {"a\n{% if x %}", "t:2:11: expected {% endif %}, got the end of the template", ErrorCode::kCorrupt},
      {"{{ x", "t:1:1: this tag has no end: expected }}", ErrorCode::kCorrupt},
      {"{% x", "t:1:1: this tag has no end: expected %}", ErrorCode::kCorrupt},
      {"a{# x", "t:1:2: this comment has no end: expected #}", ErrorCode::kCorrupt},
      {"{% raw %}", "t:1:1: {% raw %} has no end: expected {% endraw %}", ErrorCode::kCorrupt},
      {"{{ 'x }}", "t:1:4: this string has no end", ErrorCode::kCorrupt},
      {"{{ (1] }}", "t:1:6: unexpected \"]\": expected \")\"", ErrorCode::kCorrupt},
      {"{{ 1 2 }}", "t:1:6: expected the end of the tag, }}, got \"2\"", ErrorCode::kCorrupt},
      {"{{ x | nope }}", "t:1:8: there is no filter \"nope\"", ErrorCode::kUnsupported},
      {"{{ x is nope }}", "t:1:9: there is no test \"nope\"", ErrorCode::kUnsupported},
      {"{% if 1 %}{{ 1 | nope }}{% endif %}", "t:1:16: there is no filter \"nope\"", ErrorCode::kUnsupported},
      {"{% nope %}", "t:1:4: unexpected tag \"nope\"", ErrorCode::kCorrupt},
      {"{% endif %}", "t:1:4: unexpected tag \"endif\"", ErrorCode::kCorrupt},
      {"{% break %}", "t:1:4: \"break\" outside a loop", ErrorCode::kCorrupt},
      {"{{ raise_exception('No system role.') }}", "t:1:19: the template refuses these messages: No system role.",
       ErrorCode::kInvalidArgument},
      {"{{ 'a' < 1 }}", "t:1:10: \"<\" cannot be used between a value of type str and one of type int",
       ErrorCode::kInvalidArgument},
      {"{{ 'a'.split() | join(1, 2, 3) }}", "t:1:16: join: takes at most 2 arguments, got 3",
       ErrorCode::kInvalidArgument},
      {"{{ 'a' | replace('b') }}", "t:1:8: replace: the parameter \"new\" is missing", ErrorCode::kInvalidArgument},
      {"{% macro m(a) %}{% endmacro %}{{ m(b=1) }}", "t:1:35: macro m: has no parameter \"b\"",
       ErrorCode::kInvalidArgument},
      {"{% for a, b in [1] %}{% endfor %}", "t:1:8: a value of type int cannot be gone through",
       ErrorCode::kInvalidArgument},
      {"{% set x.y = 1 %}", "t:1:8: cannot set an attribute of \"x\": it is no namespace", ErrorCode::kInvalidArgument},
  };
  for (const Case& each : cases) {
    const Error error = Failure(each.source);
    EXPECT_EQ(error.message, each.message);
    EXPECT_EQ(error.code, each.code) << each.source;
  }
}

TEST(JinjaTemplate, TheTimeIsTheOneItIsGiven) {
  EXPECT_EQ(Text("{{ strftime_now('%d %b %Y') }}"), "26 Jul 2024");
  EXPECT_EQ(Text("[{{ strftime_now('') }}{{ strftime_now('%%') }}]"), "[%]");
}

TEST(JinjaTemplate, ALoopThatIsKeptBeyondItsEndIsEmpty) {
  EXPECT_EQ(Text("{% set ns = namespace() %}{% for x in [1] %}{% set ns.l = loop %}{% endfor %}[{{ ns.l.index }}]"),
            "[]");
}

TEST(JinjaTemplate, AMacroKeptBeyondItsScopeStillSeesIt) {
  EXPECT_EQ(Text("{% set ns = namespace() %}{% for x in [7] %}{% macro m() %}{{ x }}{% endmacro %}{% set ns.m = m %}"
                 "{% endfor %}{% for y in [1, 2] %}{{ ns.m() }}{% endfor %}"),
            "77");
}

TEST(JinjaTemplate, ListsThatHoldThemselvesAreRefusedWhenPrinted) {
  for (const char* use :
       {"{{ l }}", "{{ l | tojson }}", "{% set k = [] %}{% set _ = k.append(k) %}{{ l == k }}", "{{ l | string }}"}) {
    const Error error = Failure(std::string("{% set l = [] %}{% set _ = l.append(l) %}") + use);
    EXPECT_THAT(error.message, HasSubstr("nested deeper than 100 levels")) << use;
  }
}

TEST(JinjaTemplate, RendersOfOneTemplateShareNothing) {
  ASSERT_OK_AND_ASSIGN(const Template program, Template::Parse("{% set _ = x.append(1) %}{{ x }}", "t"));
  const json::value list = json::array{0};
  const Variable variable{"x", &list};
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK_AND_ASSIGN(const MarkedText text, program.Render({&variable, 1}, {}, {}));
    EXPECT_EQ(text.view(), "[0, 1]");
  }
}

// HOSTILE.md F-54: what reaches beyond values, or loads something else.
TEST(JinjaHostile, NothingReachesBeyondTheValues) {
  for (const char* tag :
       {"include 'x'", "import 'x' as y", "from 'x' import y", "extends 'x'", "block b", "do x()", "autoescape true"}) {
    const Error error = Failure(fmt::format("{{% {} %}}", tag));
    EXPECT_EQ(error.code, ErrorCode::kUnsupported) << tag;
    EXPECT_THAT(error.message, StartsWith("t:1:4: the tag \"")) << tag;
  }
  EXPECT_THAT(Failure("{{ ''|attr('__class__') }}").message, StartsWith("t:1:7: there is no filter \"attr\""));
  for (const char* name : {"__class__", "__init__", "__globals__", "mro", "gi_frame"}) {
    EXPECT_EQ(Text(fmt::format("[{{{{ ''.{0} }}}}{{{{ []['{0}'] }}}}{{{{ namespace.{0} }}}}]", name)), "[]") << name;
  }
  EXPECT_EQ(Failure("{{ ''.__class__.__mro__ }}").message, "t:1:16: \"__class__\" is undefined");
  EXPECT_EQ(Failure("{{ ''.encode() }}").message, "t:1:6: a value of type str has no method \"encode\" here");
  for (const char* format : {"{0.__class__}", "{0[__class__]}", "{:{}}"}) {
    EXPECT_EQ(Failure(fmt::format("{{{{ '{}'.format('', '') }}}}", format)).code, ErrorCode::kUnsupported) << format;
  }
}

// F-56: nesting and chains, at the limit's far side.
TEST(JinjaHostile, DepthIsBounded) {
  const auto repeat = [](std::string_view text, size_t count) {
    std::string out;
    for (size_t i = 0; i < count; ++i) out += text;
    return out;
  };
  const std::string deep[] = {
      "{{ " + repeat("(", 10'000) + "1" + repeat(")", 10'000) + " }}",
      "{{ " + repeat("[", 10'000) + repeat("]", 10'000) + " }}",
      "{{ " + repeat("{1:", 10'000) + "1" + repeat("}", 10'000) + " }}",
      "{{ " + repeat("f(", 10'000) + repeat(")", 10'000) + " }}",
      "{{ " + repeat("x[", 10'000) + "1" + repeat("]", 10'000) + " }}",
      "{{ " + repeat("not ", 10'000) + "1 }}",
      "{{ " + repeat("-", 10'000) + "1 }}",
      "{{ " + repeat("1 if 1 else ", 10'000) + "1 }}",
      "{{ 1" + repeat(" if 1", 10'000) + " }}",
      "{{ 1" + repeat("|abs", 100'000) + " }}",
      "{{ x" + repeat(".y", 100'000) + " }}",
      "{{ 1" + repeat(" + 1", 100'000) + " }}",
      repeat("{% if 1 %}", 10'000) + repeat("{% endif %}", 10'000),
      repeat("{% for x in y %}", 10'000) + repeat("{% endfor %}", 10'000),
      repeat("{% macro m() %}", 10'000) + repeat("{% endmacro %}", 10'000),
      repeat("{% filter upper %}", 10'000) + repeat("{% endfilter %}", 10'000),
      "{% for " + repeat("(", 10'000) + "a" + repeat(")", 10'000) + " in x %}{% endfor %}",
      repeat("{{1}}", 60'000),
      repeat("{{[1,2,3,4]}}", 60'000),
  };
  for (const std::string& source : deep) {
    const Error error = Failure(source);
    EXPECT_EQ(error.code, ErrorCode::kTooLarge) << source.substr(0, 40) << ": " << error.message;
    EXPECT_THAT(error.message, HasSubstr("limit")) << source.substr(0, 40);
  }
  // An elif chain and long lists are long, not deep.
  std::string chain = "{% if x == 0 %}0";
  for (int i = 1; i < 5'000; ++i) chain += fmt::format("{{% elif x == {} %}}{}", i, i);
  EXPECT_EQ(Text(chain + "{% endif %}", {{"x", 4'999}}), "4999");
}

TEST(JinjaHostile, TheTemplatesSizeIsBounded) {
  EXPECT_OK(Rendered(std::string(size_t{1} << 20, 'x')));
  const Error error = Failure(std::string((size_t{1} << 20) + 1, 'x'));
  EXPECT_EQ(error.message, "t: the template has 1048577 bytes, the limit is 1048576");
  EXPECT_EQ(Failure("a\n\xFF").message, "t:2:1: the template is not well-formed UTF-8");
}

TEST(JinjaHostile, AMacroThatCallsItselfEnds) {
  for (const char* source :
       {"{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
        "{% macro m() %}{{ caller is defined }}{% call m() %}{% endcall %}{% endmacro %}{{ m() }}",
        "{% macro m(x=m()) %}{% endmacro %}{{ m() }}", "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}"}) {
    const Error error = Failure(source);
    EXPECT_EQ(error.code, ErrorCode::kTooLarge) << source;
    EXPECT_THAT(error.message, HasSubstr("nested deeper than 1000 levels, the limit")) << source;
  }
}

// The deepest that is allowed fits a thread's stack: expressions at the parser's limit inside recursion to its limit.
TEST(JinjaHostile, TheDepthThatIsAllowedFitsTheStack) {
  std::string brackets;
  for (int i = 0; i < 60; ++i) brackets += "[1 and 2 == 3 + 4 * ";
  std::string ends(60, ']');
  const std::string source = "{% macro m(n) %}{% for x in [1] %}{% if n %}{{ " + brackets + "m(n - 1)|length" + ends +
                             " }}{% endif %}{% endfor %}{% endmacro %}{{ m(1000) }}";
  EXPECT_EQ(Failure(source).code, ErrorCode::kTooLarge);
}

TEST(JinjaHostile, StepsAreBounded) {
  const Limits few{.max_steps = 10'000};
  for (const char* source : {
           "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
           "{% for a in range(99999) %}{{ a }}{% endfor %}",
           "{% set x = 'a' * 100000 %}{% for a in range(99) %}{% set y = x.upper() %}{% endfor %}",
           "{% set x = 'ab' * 100000 %}{% for a in range(99) %}{{ 'b' in x }}{% endfor %}",
           "{% set x = ['a'] * 10000 %}{% for a in range(99) %}{{ x == ['a'] * 10000 }}{% endfor %}",
           "{% set x = [1] * 10000 %}{{ x | map('abs') | sum }}",
           "{% set x = [1] * 10000 %}{{ x | select('odd') | list | length }}",
       }) {
    const Error error = Failure(source, {}, few);
    EXPECT_EQ(error.code, ErrorCode::kTooLarge) << source;
    EXPECT_THAT(error.message, HasSubstr("more than 10000 steps, the limit")) << source;
  }
}

TEST(JinjaHostile, MemoryIsBounded) {
  const Limits little{.max_memory_bytes = uint64_t{4} << 20};
  for (const char* source : {
           "{{ 'a' * 10000000000000000000 }}",
           "{{ [1] * 1000000000 }}",
           "{% set x = 'a' * 1000000 %}{{ x * 1000000 }}",
           "{% set ns = namespace(x='ab') %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
           "{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
           "{% set x = 'a' * 100000 %}{{ x.replace('', x) }}",
           "{% set x = ['a' * 100000] * 1000 %}{{ x | join }}",
           "{% set x = ['a' * 100000] * 1000 %}{{ x | tojson }}",
           "{% set x = ['a' * 100000] * 1000 %}{{ x }}",
           "{% set x = ['a' * 100000] * 1000 %}{{ ','.join(x) }}",
           "{% set x = '\\n' * 100000 %}{{ x | indent(1000, blank=true) }}",
           "{% set x = '{0}' * 10000 %}{{ x.format('a' * 10000) }}",
           "{{ [1] | batch(1000000000, 0) | list }}",
           "{% set l = [] %}{% for i in range(100000) %}{% set _ = l.append(i) %}{% endfor %}",
           "{% set d = {} %}{% for i in range(100000) %}{% set _ = d.update({i: i}) %}{% endfor %}",
           "{% for c in 'a' * 1000000 %}{% endfor %}",
       }) {
    const Error error = Failure(source, {}, little);
    EXPECT_EQ(error.code, ErrorCode::kTooLarge) << source;
    EXPECT_THAT(error.message, HasSubstr("limit")) << source;
  }
  // A text that is dropped gives its bytes back.
  EXPECT_OK(Rendered("{% for i in range(50) %}{% set x = 'a' * 1000000 %}{% endfor %}", {}, little));
}

TEST(JinjaHostile, OutputIsBounded) {
  const Limits small{.max_output_bytes = 1'000};
  for (const char* source : {"{% for i in range(1000) %}abc{% endfor %}", "{{ 'a' * 1001 }}",
                             "{% set x %}{% for i in range(1000) %}abc{% endfor %}{% endset %}"}) {
    const Error error = Failure(source, {}, small);
    EXPECT_EQ(error.code, ErrorCode::kTooLarge) << source;
    EXPECT_THAT(error.message, HasSubstr("writes more than 1000 B, the limit")) << source;
  }
}

TEST(JinjaHostile, NumbersAreBounded) {
  EXPECT_THAT(Failure("{{ 2 ** 200 }}").message, HasSubstr("larger than 127 bits"));
  EXPECT_THAT(Failure("{{ 2 ** 126 * 4 }}").message, HasSubstr("larger than 127 bits"));
  EXPECT_THAT(Failure("{{ 10 ** 38 + 10 ** 38 }}").message, HasSubstr("larger than 127 bits"));
  EXPECT_THAT(Failure("{{ -(-170141183460469231731687303715884105727 - 1) }}").message, HasSubstr("127 bits"));
  EXPECT_THAT(Failure("{{ (-170141183460469231731687303715884105727 - 1) // -1 }}").message, HasSubstr("127 bits"));
  EXPECT_EQ(Text("{{ (-170141183460469231731687303715884105727 - 1) % -1 }}"), "0");
  EXPECT_THAT(Failure("{{ 999999999999999999999999999999999999999 }}").message, HasSubstr("127 bits"));
  EXPECT_THAT(Failure("{{ range(100001) }}").message, HasSubstr("more than the limit, 100000"));
  EXPECT_EQ(Text("{{ 'abc'[2 ** 100:] }}{{ 'abc'[-(2 ** 100):] }}{{ [1][2 ** 90] }}"), "abc");
  EXPECT_EQ(Text("{{ range(2 ** 100, -(2 ** 100)) | length }}"), "0");
  EXPECT_THAT(Failure("{{ range(-(2 ** 100), 2 ** 100) }}").message, HasSubstr("more than the limit"));
  EXPECT_EQ(Text("{{ 1e400 }} {{ -1e400 }} {{ 1e400 | int }} {{ 'nan' | float }}"), "inf -inf 0 nan");
}

TEST(JinjaHostile, VariablesAreNotDeeperThanThePrinting) {
  json::value deep = 1;
  for (int i = 0; i < 200; ++i) deep = json::array{std::move(deep)};
  EXPECT_THAT(Failure("{{ x }}", {{"x", deep}}).message,
              HasSubstr("t: x: a variable is nested deeper than 100 levels"));
  EXPECT_EQ(Text("ok", {{"x", deep}}), "ok");  // not asked for, not read
}

}  // namespace
}  // namespace bantam::jinja
