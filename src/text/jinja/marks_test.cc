// The marks of what came from messages, through everything that a template can do to a text.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing.h"
#include "text/jinja/template.h"

namespace bantam::jinja {
namespace {

// The output with content in brackets: "<|im_start|>⟦Hi⟧".
std::string Marked(std::string_view source, const json::value& content = "Hi <|im_end|>") {
  const Result<Template> program = Template::Parse(source, "t");
  if (!program) return program.error().message;
  const Variable variable{"x", &content};
  const Result<MarkedText> text = program->Render({&variable, 1}, {}, {});
  if (!text) return text.error().message;
  std::string out;
  text->ForEachRun([&](size_t begin, size_t end, bool is_content) {
    out += is_content ? "⟦" : "";
    out += text->view().substr(begin, end - begin);
    out += is_content ? "⟧" : "";
  });
  return out;
}

TEST(Marks, AllThatIsDoneToATextKeepsThem) {
  struct Case {
    const char* source;
    const char* output;
  };
  const Case cases[] = {
      {"<|im_end|>{{ x }}<|im_end|>", "<|im_end|>⟦Hi <|im_end|>⟧<|im_end|>"},
      {"{{ '<|a|>' + x + '<|b|>' }}", "<|a|>⟦Hi <|im_end|>⟧<|b|>"},
      {"{{ '<|a|>' ~ x ~ 1 }}", "<|a|>⟦Hi <|im_end|>⟧1"},
      {"{{ x.strip('H>') }}", "⟦i <|im_end|⟧"},
      {"{{ ('<' ~ x ~ '>').strip('<H>') }}", "⟦i <|im_end|⟧"},
      {"{{ x | trim | upper }}", "⟦HI <|IM_END|>⟧"},
      {"{{ ('ab' ~ x) | upper }}", "AB⟦HI <|IM_END|>⟧"},
      {"{{ ('ab' ~ x) | capitalize }}", "Ab⟦hi <|im_end|>⟧"},
      {"{{ ('ab' ~ x ~ 'c d') | title }}", "Ab⟦hi <|im_end|>⟧c D"},
      {"{{ ('ab' ~ x).title() }}", "Ab⟦hi <|Im_End|>⟧"},
      {"{{ ('ab' ~ x)[1:4] }}", "b⟦Hi⟧"},
      {"{{ ('ab' ~ x)[3::-1] }}", "⟦iH⟧ba"},
      {"{{ ('ab' ~ x)[2] }}", "⟦H⟧"},
      {"{{ ('ab' ~ x) | reverse }}", "⟦>|dne_mi|< iH⟧ba"},
      {"{{ x.replace('Hi', '<s>') }}", "<s>⟦ <|im_end|>⟧"},
      {"{{ '<s>Q</s>'.replace('Q', x) }}", "<s>⟦Hi <|im_end|>⟧</s>"},
      {"{{ '<s>Q</s>' | replace('Q', x) }}", "<s>⟦Hi <|im_end|>⟧</s>"},
      {"{{ x.split(' ') | join('<s>') }}", "⟦Hi⟧<s>⟦<|im_end|>⟧"},
      {"{{ x.split('<')[-1] }}", "⟦|im_end|>⟧"},
      {"{{ x.partition(' ') | last }}{{ x.rsplit(' ', 1)[0] }}", "⟦<|im_end|>Hi⟧"},
      {"{{ '<s>'.join(['a', x]) }}", "a<s>⟦Hi <|im_end|>⟧"},
      {"{{ x.join(['a', 'b']) }}", "a⟦Hi <|im_end|>⟧b"},
      {"{{ '[{}]<s>{a}'.format(x, a=x) }}", "[⟦Hi <|im_end|>⟧]<s>⟦Hi <|im_end|>⟧"},
      {"{{ '{:>15.2}'.format(x) }}", "             ⟦Hi⟧"},
      {"{{ x.format() }}", "⟦Hi <|im_end|>⟧"},
      {"{{ x | tojson }}", "\"⟦Hi <|im_end|>⟧\""},
      {"{{ {'k': x} | tojson }}", "{\"k\": \"⟦Hi <|im_end|>⟧\"}"},
      {"{{ [x] }}", "['⟦Hi <|im_end|>⟧']"},
      {"{{ [x] | string | safe }}", "['⟦Hi <|im_end|>⟧']"},
      {"{{ ('a\n' ~ x) | indent(2) }}", "a\n  ⟦Hi <|im_end|>⟧"},
      {"{{ 'a\nb' | indent(x) }}", "a\n⟦Hi <|im_end|>⟧b"},
      {"{{ x * 2 }}", "⟦Hi <|im_end|>Hi <|im_end|>⟧"},
      {"{{ x | truncate(8, true, '<s>', 0) }}", "⟦Hi <|⟧<s>"},
      {"{{ x | list | join }}", "⟦Hi <|im_end|>⟧"},
      {"{% for c in x[:2] %}{{ c }}.{% endfor %}", "⟦H⟧.⟦i⟧."},
      {"{% set y %}<s>{{ x }}{% endset %}{{ y }}{{ y | length }}", "<s>⟦Hi <|im_end|>⟧16"},
      {"{% macro m(a) %}<s>{{ a }}{% endmacro %}{{ m(x) | upper }}", "<S>⟦HI <|IM_END|>⟧"},
      {"{% macro m() %}[{{ caller() }}]{% endmacro %}{% call m() %}{{ x }}{% endcall %}", "[⟦Hi <|im_end|>⟧]"},
      {"{% filter lower %}<S>{{ x }}{% endfilter %}", "<s>⟦hi <|im_end|>⟧"},
      {"{% set ns = namespace(a='') %}{% set ns.a = ns.a + x %}{{ ns.a }}", "⟦Hi <|im_end|>⟧"},
      {"{{ dict(**{x: 1}) | items | first | first }}", "⟦Hi <|im_end|>⟧"},
      {"{{ {x: 1} }}", "{'⟦Hi <|im_end|>⟧': 1}"},
      {"{{ {x: 1} | dictsort }}", "[('⟦Hi <|im_end|>⟧', 1)]"},
      {"{{ {x: 1}.keys() | first }}", "⟦Hi <|im_end|>⟧"},
      {"{{ [x, 'a'] | sort | map('upper') | join }}", "A⟦HI <|IM_END|>⟧"},
      {"{{ [x, x] | unique | join }}{{ [x] | max }}", "⟦Hi <|im_end|>Hi <|im_end|>⟧"},
      {"{{ x | default('d') }}{{ '' | default(x, true) }}", "⟦Hi <|im_end|>Hi <|im_end|>⟧"},
      {"{{ x | e }}{{ '<a>' | safe + x }}", "⟦Hi &lt;|im_end|&gt;⟧<a>⟦Hi &lt;|im_end|&gt;⟧"},
      {"{{ x.splitlines()[0] }}{{ x.removeprefix('Hi') }}", "⟦Hi <|im_end|> <|im_end|>⟧"},
      {"{{ strftime_now(x) }}", "⟦Hi <|im_end|>⟧"},
      // What a template compares a message with is its own.
      {"{% if x[:2] == 'Hi' %}{{ 'Hi' }}{% endif %}", "Hi"},
      {"{{ x | length }}{{ x is string }}", "13True"},
  };
  for (const Case& each : cases) EXPECT_EQ(Marked(each.source), each.output) << each.source;
}

TEST(Marks, KeysAndDeepStringsOfMessagesAreContent) {
  const json::value tool = {{"name", "f"}, {"parameters", {{"a b", {1, "c", nullptr, true}}}}};
  EXPECT_EQ(Marked("{{ x | tojson }}", tool),
            "{\"⟦name⟧\": \"⟦f⟧\", \"⟦parameters⟧\": {\"⟦a b⟧\": [1, \"⟦c⟧\", null, true]}}");
  EXPECT_EQ(Marked("{% for k, v in x.items() %}<{{ k }}>{% endfor %}", tool), "<⟦name⟧><⟦parameters⟧>");
}

TEST(Marks, EscapesOfContentAreContent) {
  EXPECT_EQ(Marked("{{ x | tojson }}", "a\"\n\u00e9"), "\"⟦a\\\"\\né⟧\"");
  EXPECT_EQ(Marked("{{ x | tojson(ensure_ascii=true) }}", "\xF0\x9F\x98\x80"), "\"⟦\\ud83d\\ude00⟧\"");
  EXPECT_EQ(Marked("{{ x | upper }}", "stra\u00dfe"), "⟦STRASSE⟧");
}

TEST(Marks, SlicesOfManyRunsAreRight) {
  MarkedText text;
  for (int i = 0; i < 10; ++i) text.Append("ab", i % 2 == 1);
  for (size_t begin = 0; begin <= text.size(); ++begin) {
    for (size_t end = begin; end <= text.size(); ++end) {
      const MarkedText slice = text.Slice(begin, end);
      ASSERT_EQ(slice.view(), text.view().substr(begin, end - begin));
      for (size_t i = begin; i < end; ++i) ASSERT_EQ(slice.IsContentAt(i - begin), text.IsContentAt(i));
      size_t covered = 0;
      slice.ForEachRun([&](size_t from, size_t to, bool is_content) {
        ASSERT_EQ(from, covered);
        ASSERT_LT(from, to);
        for (size_t i = from; i < to; ++i) ASSERT_EQ(slice.IsContentAt(i), is_content);
        covered = to;
      });
      ASSERT_EQ(covered, slice.size());
    }
  }
}

}  // namespace
}  // namespace bantam::jinja
