#include "route/route_file_reader.h"

namespace bantam {
namespace {

Expectation ReadExpectation(YamlMap& turn, RouteFileReading& reading) {
  Expectation expect;
  const YamlNode* node = turn.Map("expect");
  if (node == nullptr) return expect;
  YamlMap map(*node, "\"expect\"", reading.problems);
  if (map.Has("route")) {
    expect.route = map.Text("route");
    reading.tested_routes.emplace_back(*expect.route, map.PlaceOf("route"));
  }
  if (map.Has("decision"))
    expect.decision = map.OneOf("decision", {"answer", "form", "clarify", "escalate", "unsure"}, "answer");
  if (map.Has("slot")) {
    expect.slot = map.Text("slot");
    reading.tested_slots.emplace_back(*expect.slot, map.PlaceOf("slot"));
  }
  if (map.Has("text")) expect.text = map.Text("text");
  for (const char* key : {"route", "decision", "slot", "text"}) static_cast<void>(map.Find(key));
  map.Finish();
  if (map.valid() && node->entries.empty()) {
    reading.problems.Error(map.place(), "\"expect\" is empty; say what is expected: route, decision, slot or text");
  }
  return expect;
}

TestTurn ReadTurn(YamlMap& map, RouteFileReading& reading) {
  TestTurn turn;
  turn.line = map.place().line;
  turn.column = map.place().column;
  if (!map.Has("say")) {
    reading.problems.Error(map.place(), "a test says nothing; give {{say: \"...\", expect: {{route: NAME}}}}");
  }
  turn.say = map.Text("say");
  turn.expect = ReadExpectation(map, reading);
  map.Finish();
  return turn;
}

RouteTest OneTurn(std::string say, Expectation expect, YamlPlace place) {
  RouteTest test;
  test.turns.push_back({std::move(say), std::move(expect), place.line, place.column});
  return test;
}

// `must_escalate: "..."`, or a list: sentences that must not be answered here.
void ReadMustEscalate(YamlMap& map, RouteFileReading& reading) {
  std::vector<std::pair<std::string, YamlPlace>> sentences;
  const YamlPlace at = map.PlaceOf("must_escalate");
  if (map.HasList("must_escalate")) {
    sentences = map.TextList("must_escalate");
    if (sentences.empty()) reading.problems.Error(at, "\"must_escalate\" is empty; give sentences");
  } else {
    sentences.emplace_back(map.RequiredText("must_escalate", "give a sentence, or a list of them"), at);
  }
  for (auto& [say, place] : sentences) {
    Expectation expect;
    expect.not_here = true;
    reading.file.tests.push_back(OneTurn(std::move(say), std::move(expect), place));
  }
}

// {cache_pair: [a, b], expect: miss}: whether the answer to `a` may be given to `b`.
void ReadCachePair(YamlMap& map, RouteFileReading& reading) {
  std::vector<std::pair<std::string, YamlPlace>> pair = map.TextList("cache_pair");
  const bool hit = map.OneOf("expect", {"hit", "miss"}, "") == "hit";
  if (pair.size() != 2) {
    reading.problems.Error(map.PlaceOf("cache_pair"),
                           "\"cache_pair\" holds {} question{}; give two: [\"...\", \"...\"]", pair.size(),
                           pair.size() == 1 ? "" : "s");
    return;
  }
  Expectation expect;
  expect.cache_hit = hit;
  expect.cached = std::move(pair[0].first);
  reading.file.tests.push_back(OneTurn(std::move(pair[1].first), std::move(expect), pair[1].second));
}

}  // namespace

void ReadTests(YamlMap& top, RouteFileReading& reading) {
  const YamlNode* list = top.Sequence("tests");
  if (list == nullptr) return;
  for (const YamlNode& node : list->items) {
    YamlMap map(node, "a test", reading.problems);
    if (!map.valid()) continue;
    if (map.Has("must_escalate") || map.Has("cache_pair")) {
      map.Has("must_escalate") ? ReadMustEscalate(map, reading) : ReadCachePair(map, reading);
      map.Finish();
      continue;
    }
    RouteTest test;
    if (map.Has("conversation")) {
      if (const YamlNode* turns = map.Sequence("conversation")) {
        for (const YamlNode& turn_node : turns->items) {
          YamlMap turn(turn_node, "a turn of a conversation", reading.problems);
          if (turn.valid()) test.turns.push_back(ReadTurn(turn, reading));
        }
      }
      map.Finish();
    } else {
      test.turns.push_back(ReadTurn(map, reading));
    }
    if (!test.turns.empty()) reading.file.tests.push_back(std::move(test));
  }
}

}  // namespace bantam
