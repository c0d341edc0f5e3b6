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
  if (map.Has("decision")) expect.decision = map.OneOf("decision", {"answer", "form", "escalate", "unsure"}, "answer");
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
  if (!map.Has("say")) {
    reading.problems.Error(map.place(), "a test says nothing; give {{say: \"...\", expect: {{route: NAME}}}}");
  }
  turn.say = map.Text("say");
  turn.expect = ReadExpectation(map, reading);
  map.Finish();
  return turn;
}

}  // namespace

void ReadTests(YamlMap& top, RouteFileReading& reading) {
  const YamlNode* list = top.Sequence("tests");
  if (list == nullptr) return;
  for (const YamlNode& node : list->items) {
    YamlMap map(node, "a test", reading.problems);
    if (!map.valid()) continue;
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
