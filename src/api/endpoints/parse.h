// What the JSON endpoints share: the body as an object, the model field, token-id inputs refused with the mend.
//
// A parse function notes in `at` the field that it reads, as OpenAI's `param` spells it ("temperature",
// "messages[0].content"), so that whatever error comes back says where it came from. Empty: no field is at fault, but
// the JSON's syntax, say, or a header.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/context.h"
#include "api/http_types.h"
#include "base/json.h"

namespace bantam {

// The body as a JSON object. `document` keeps the value that the object refers to, in the storage that it came with.
Result<JsonObject> ParseBody(const HttpRequest& request, json::value& document);

// Whether a field was sent, and not as null.
bool IsThere(const JsonObject& object, std::string_view key);

inline constexpr size_t kMaxInputs = 2048;  // texts of a request: OpenAI's own limit

// "input": a string or an array of strings. kInvalidArgument names the JSON path in the message.
Result<std::vector<std::string>> ParseInputs(const JsonObject& body, size_t max_inputs, std::string& at);
// The same under another name: "inputs", "texts".
Result<std::vector<std::string>> ParseTexts(const JsonObject& body, std::string_view key, size_t max_inputs,
                                            std::string& at);

// The same for the assistant: a text that holds nothing to decide on is refused.
Result<std::vector<std::string>> ParseQuestions(Router& router, const JsonObject& body, std::string& at);

// For a model that is not served, or cannot do what the path asks: kNotFound (404) for a name that nothing here has,
// kInvalidArgument (400) for the assistant where an encoder is needed, and the other way round. Both say what to ask.
Error NoSuchModel(const ApiContext& context, std::string_view name);
Error NoSuchEncoder(const ApiContext& context, std::string_view name);
Error NoSuchAssistant(const ApiContext& context, std::string_view name);

// The model that "model" names, if it can; without "model" the only one that can. `ability`: "rerank", for messages.
Result<ServedModelPtr> FindAble(const ApiContext& context, const JsonObject& body, std::string_view ability,
                                bool (*can)(const ServedModel& model), std::string& at);

// "input" as texts or pairs: a string, an array of strings, or one of pairs: {"text": "...", "text_pair": "..."} or
// ["...", "..."]. Empty texts are allowed.
struct TextOrPair {
  std::string text;
  std::optional<std::string> pair;
};
Result<std::vector<TextOrPair>> ParseTextsOrPairs(const JsonObject& body, size_t max_inputs, std::string& at);

// A string, or an array of strings that are not empty, under `key`.
Result<std::vector<std::string>> ParseStrings(const JsonObject& body, std::string_view key, size_t maximum,
                                              std::string& at);

// "truncate": true, false, "NONE" or "END"; "truncation". Whether texts longer than the model reads are cut.
Status ReadTruncate(const JsonObject& body, bool& truncate, std::string& at);
// So many texts were cut: a header for it. Silent truncation is the classic complaint about such servers.
void TellTruncated(size_t num_texts, HttpReply& reply);

// The request's own deadline: `x-bantam-timeout-ms`, at most the server's limit.
Result<MonotonicTime> DeadlineOf(const ApiContext& context, const HttpRequest& request, std::string& at);
// The same with another limit.
Result<MonotonicTime> DeadlineOf(const HttpRequest& request, std::chrono::milliseconds limit, std::string& at);

}  // namespace bantam
