#include "text/tool_calls/json_scanner.h"

namespace bantam::tools {

using State = CallReader::State;

bool JsonValueScanner::Add(char c) {
  if (done_) return false;
  if (in_string_) {
    if (escaped_) {
      escaped_ = false;
    } else if (c == '\\') {
      escaped_ = true;
    } else if (c == '"') {
      in_string_ = false;
      done_ = depth_ == 0;
    }
    return true;
  }
  // A number or a word ends before what cannot be of it.
  if (begun_ && depth_ == 0 && (IsJsonSpace(c) || c == ',' || c == '}' || c == ']')) {
    done_ = true;
    return false;
  }
  begun_ = true;
  if (c == '"') {
    in_string_ = true;
  } else if (c == '{' || c == '[') {
    ++depth_;
  } else if (c == '}' || c == ']') {
    done_ = --depth_ <= 0;
  }
  return true;
}

// False: the value is not what its key needs.
bool JsonCallScanner::EndOfValue(CallSink& sink) {
  if (member_ == Member::kOther || handed_on_) return true;
  const Result<json::value> value = ParseJson(raw_, "call");
  if (!value) return false;
  if (member_ == Member::kArguments) {
    // Some write the arguments' JSON as a text.
    if (!value->is_string() && !value->is_null()) return false;
    sink.Add(value->is_string() ? std::string_view(value->get_string()) : "{}");
    return true;
  }
  // Grammars know the one spelling: a name in another was not held to them.
  const bool plain = raw_.find('\\') == std::string::npos;
  named_ = value->is_string() && plain && !named_ && sink.Begin(std::string_view(value->get_string()));
  return named_;
}

State JsonCallScanner::AfterValue(char c, CallSink& sink) {
  if (IsJsonSpace(c)) return State::kMore;
  if (c == ',') return phase_ = Phase::kKey, State::kMore;
  if (c != '}' || !named_) return State::kBroken;
  if (!has_arguments_) sink.Add("{}");
  sink.End();
  return State::kEnd;
}

State JsonCallScanner::Add(char c, CallSink& sink) {
  switch (phase_) {
    case Phase::kStart:
      if (IsJsonSpace(c)) return State::kMore;
      phase_ = Phase::kKeyOrEnd;
      return c == '{' ? State::kMore : State::kBroken;
    case Phase::kKeyOrEnd:
    case Phase::kKey:
      if (IsJsonSpace(c)) return State::kMore;
      phase_ = Phase::kInKey;
      key_.clear();
      return c == '"' ? State::kMore : State::kBroken;
    case Phase::kInKey:
      if (c != '"') {
        key_ += c;
        return c == '\\' || key_.size() > 100 ? State::kBroken : State::kMore;  // no key of a call is spelled so
      }
      member_ = key_ == "name"                                ? Member::kName
                : key_ == "arguments" || key_ == "parameters" ? Member::kArguments
                                                              : Member::kOther;
      if (named_ == (member_ == Member::kName)) return State::kBroken;
      if (member_ == Member::kArguments && has_arguments_) return State::kBroken;
      has_arguments_ |= member_ == Member::kArguments;
      phase_ = Phase::kColon;
      return State::kMore;
    case Phase::kColon:
      if (IsJsonSpace(c)) return State::kMore;
      phase_ = Phase::kValue;
      return c == ':' ? State::kMore : State::kBroken;
    case Phase::kValue:
      if (IsJsonSpace(c)) return State::kMore;
      if (c == ',' || c == '}' || c == ']' || c == ':') return State::kBroken;
      phase_ = Phase::kInValue;
      value_ = {};
      raw_.clear();
      handed_on_ = member_ == Member::kArguments && c == '{';
      [[fallthrough]];
    case Phase::kInValue: {
      const bool taken = value_.Add(c);
      if (taken && handed_on_) sink.Add({&c, 1});
      if (taken && !handed_on_ && member_ != Member::kOther) raw_ += c;
      if (!value_.done()) return State::kMore;
      if (!EndOfValue(sink)) return State::kBroken;
      phase_ = Phase::kAfterValue;
      return taken ? State::kMore : AfterValue(c, sink);
    }
    case Phase::kAfterValue:
      return AfterValue(c, sink);
  }
  return State::kBroken;
}

}  // namespace bantam::tools
