#include "api/endpoints/embed_request.h"

#include <algorithm>
#include <array>

#include "api/endpoints/parse.h"
#include "base/base64.h"
#include "base/json_floats.h"
#include "base/text_util.h"

namespace bantam {
namespace {

using Role = PromptChoice::Role;

struct InputType {
  std::string_view name;
  Role role;
};
// Of Cohere, Voyage, NVIDIA and Jina.
constexpr std::array kInputTypes = {
    InputType{"query", Role::kQuery},           InputType{"search_query", Role::kQuery},
    InputType{"retrieval.query", Role::kQuery}, InputType{"document", Role::kDocument},
    InputType{"passage", Role::kDocument},      InputType{"search_document", Role::kDocument},
    InputType{"corpus", Role::kDocument},       InputType{"retrieval.passage", Role::kDocument},
};
// What a model may have a prompt for and need not.
constexpr std::array<std::string_view, 6> kOtherTypes = {"classification", "clustering", "text-matching",
                                                         "separation",     "similarity", "image"};

Result<PromptChoice> ChoiceOfInputType(const std::string& word, const Embedder& embedder) {
  PromptChoice choice;
  // A prompt of just that name is what the caller means, whatever it is.
  const bool named = embedder.sentence().prompts.Find(word) != nullptr;
  if (named) choice.name = word;
  for (const InputType& known : kInputTypes) {
    if (word != known.name) continue;
    choice.role = known.role;
    return choice;
  }
  if (named || std::ranges::find(kOtherTypes, word) != kOtherTypes.end()) return choice;
  return Err(ErrorCode::kInvalidArgument,
             "\"{}\" is no type of input; known: query, document, search_query, search_document, passage, "
             "classification, clustering, and the model's own prompts",
             EscapeForTerminal(word, 80));
}

Status AddForm(const std::string& word, bool base64, std::vector<VectorForm>& forms) {
  VectorForm form{.base64 = base64 || word == "base64", .named = word == "base64"};
  if (!form.named) {
    BANTAM_TRY(form.type, VectorTypeNamed(word));
  }
  const auto same = [&](const VectorForm& other) { return other.name() == form.name(); };
  if (std::ranges::none_of(forms, same)) forms.push_back(form);
  return Ok();
}

// Those of the model's folder, or the ones that fit any vector of length 1.
Result<ValueRanges> RangesFor(const EmbedRequest& request) {
  const Embedder& embedder = *request.model->embedder;
  const auto own = static_cast<size_t>(embedder.dimensions());
  if (embedder.ranges() && request.dimensions == own) return *embedder.ranges();
  if (embedder.sentence().normalize || request.dimensions < own) return UnitVectorRanges(request.dimensions);
  return Err(ErrorCode::kInvalidArgument,
             "int8 and uint8 need the ranges of the values, which are not known for {}, whose vectors do not have "
             "length 1: write embedding_ranges.npy into its folder with bantam embed --save-ranges",
             request.model->name);
}

template <typename Text>
json::value Describe(const std::vector<Text>& texts, int max_tokens, HttpReply& reply) {
  json::array truncated, tokens;
  for (size_t i = 0; i < texts.size(); ++i) {
    if (!texts[i].truncated) continue;
    truncated.push_back(i);
    tokens.push_back(texts[i].text_tokens);
  }
  if (truncated.empty()) return nullptr;
  TellTruncated(truncated.size(), reply);
  return json::object{
      {"truncated", std::move(truncated)}, {"text_tokens", std::move(tokens)}, {"max_tokens", max_tokens}};
}

template <typename Texts>
void TellWork(const EmbedRequest& request, const Texts& texts) {
  size_t tokens = 0;
  for (const auto& text : texts) tokens += text.num_tokens;
  request.work->Tell(*request.model, tokens);
}

}  // namespace

Status ReadPrompt(const JsonObject& body, EmbedRequest& request, std::string& at) {
  const Embedder& embedder = *request.model->embedder;
  PromptChoice choice;
  int given = 0;
  for (const std::string_view key : {"prompt_name", "prompt", "input_type", "task"}) {
    const json::value* value = body.Find(key);
    if (value == nullptr || value->is_null()) continue;
    at = key;
    BANTAM_TRY(std::string word, body.String(key));
    if (++given > 1) {
      return Err(ErrorCode::kInvalidArgument, "\"{}\" beside another choice of the prompt: send one", key);
    }
    if (key == "prompt_name")
      choice.name = std::move(word);
    else if (key == "prompt")
      choice.text = std::move(word);
    else {
      BANTAM_TRY(choice, ChoiceOfInputType(word, embedder));
    }
  }
  if (given == 0) return Ok();
  request.role = choice.role;
  BANTAM_TRY(request.prompt, embedder.ResolvePrompt(choice, false));
  return Ok();
}

Status ReadDimensions(const JsonObject& body, EmbedRequest& request, std::string& at) {
  const Embedder& embedder = *request.model->embedder;
  if (embedder.sentence().multi_vector.on && (body.Has("dimensions") || body.Has("output_dimension"))) {
    at = "dimensions";
    return Err(ErrorCode::kInvalidArgument, "{} has a vector for each token, which is not cut", request.model->name);
  }
  const int64_t own = embedder.dimensions();
  request.dimensions = static_cast<size_t>(own);
  for (const std::string_view key : {"dimensions", "output_dimension"}) {
    at = key;
    BANTAM_TRY(const int64_t dimensions, body.IntOr(key, static_cast<int64_t>(request.dimensions), 1, own));
    request.dimensions = static_cast<size_t>(dimensions);
  }
  return Ok();
}

Status ReadTypes(const JsonObject& body, EmbedRequest& request, std::string& at) {
  std::vector<VectorForm>& forms = request.forms;
  forms.clear();
  at = "encoding_format";
  BANTAM_TRY(const std::string format, body.StringOr("encoding_format", "float"));
  const bool base64 = format == "base64";
  if (!base64 && format != "float" && !AddForm(format, false, forms)) {
    return Err(ErrorCode::kInvalidArgument,
               "\"encoding_format\" is \"{}\", expected \"float\" or \"base64\", or int8, uint8, binary, ubinary",
               EscapeForTerminal(format, 80));
  }
  for (const std::string_view key : {"embedding_types", "embedding_type", "output_dtype"}) {
    const json::value* value = body.Find(key);
    if (value == nullptr || value->is_null()) continue;
    at = key;
    if (!value->is_array()) {
      BANTAM_TRY(const std::string word, body.String(key));
      BANTAM_RETURN_IF_ERROR(AddForm(word, base64, forms));
      continue;
    }
    for (const json::value& item : value->get_array()) {
      if (!item.is_string()) {
        return Err(ErrorCode::kInvalidArgument, "\"{}\" holds {}, expected names of types", key,
                   EscapeForTerminal(ToJson(item), 80));
      }
      BANTAM_RETURN_IF_ERROR(AddForm(std::string(item.get_string()), base64, forms));
    }
  }
  if (forms.empty()) forms.push_back({.base64 = base64});
  if (std::ranges::any_of(forms, [](const VectorForm& form) { return NeedsRanges(form.type); })) {
    BANTAM_TRY(request.ranges, RangesFor(request));
  }
  return Ok();
}

Status FindEmbedModel(const ApiContext& context, const JsonObject& body, EmbedRequest& request, std::string& at) {
  at = "model";
  BANTAM_TRY(const std::string name, body.StringOr("model", ""));
  if (!name.empty()) {
    BANTAM_TRY(request.model, context.GetModel(name));
    if (request.model == nullptr || request.model->embedder == nullptr) return NoSuchEncoder(context, name);
    return Ok();
  }
  for (const ServedModelPtr& model : context.models->List()) {
    if (model->embedder == nullptr) continue;
    request.model = model;
    return Ok();
  }
  return Err(ErrorCode::kInvalidArgument, "no encoder is served here; served: {}", context.ModelNames());
}

std::span<const float> FittedVector(std::span<const float> vector, const EmbedRequest& request,
                                    std::vector<float>& changed) {
  const bool shorter = request.dimensions < vector.size();
  if (!shorter && (!request.unit_length || request.model->embedder->sentence().normalize)) return vector;
  changed.assign(vector.begin(), vector.end());
  CutVector(changed, request.dimensions);
  if (!shorter) NormalizeVector(changed);
  return changed;
}

void AppendVectorJson(std::span<const float> vector, const EmbedRequest& request, const VectorForm& form,
                      std::string& out) {
  const VectorType type = form.type;
  const bool base64 = form.base64;
  std::vector<float> changed;
  vector = FittedVector(vector, request, changed);
  if (type == VectorType::kFloat32 && !base64) return AppendJsonFloats(vector, out);
  if (type == VectorType::kFloat32) {  // little-endian bytes, as they lie in memory
    out += '"';
    AppendBase64(std::as_bytes(vector), out);
    out += '"';
    return;
  }
  std::string bytes;
  AppendVector(vector, type, &request.ranges, bytes);
  if (base64) {
    out += '"';
    AppendBase64(std::as_bytes(std::span(bytes)), out);
    out += '"';
    return;
  }
  const bool is_signed = type == VectorType::kInt8 || type == VectorType::kBinary;
  char separator = '[';
  for (const char byte : bytes) {
    out += separator;
    separator = ',';
    out += std::to_string(is_signed ? static_cast<int>(static_cast<signed char>(byte))
                                    : static_cast<int>(static_cast<unsigned char>(byte)));
  }
  out += ']';
}

void AppendTokenVectors(const TokenVectors& vectors, size_t text, const EmbedRequest& request, const VectorForm& form,
                        std::string& out) {
  const std::span<const float> rows = vectors.rows(text);
  char separator = '[';
  for (size_t at = 0; at < rows.size(); at += vectors.columns) {
    out += separator;
    separator = ',';
    AppendVectorJson(rows.subspan(at, vectors.columns), request, form, out);
  }
  out += separator == '[' ? "[]" : "]";
}

void TellEmbeddingCache(const EmbedRequest& request) {
  if (request.model->embedder->cache() != nullptr)
    request.work->TellCache(request.work->engine.submitted == MonotonicTime{});
}

json::value TellOfTexts(const EmbedRequest& request, const EmbeddedTexts& embedded, HttpReply& reply) {
  const Embedder& embedder = *request.model->embedder;
  TellWork(request, embedded.texts);
  TellEmbeddingCache(request);
  return Describe(embedded.texts, embedder.max_tokens(), reply);
}

json::value TellOfTexts(const EmbedRequest& request, const TokenVectors& vectors, HttpReply& reply) {
  TellWork(request, vectors.texts);
  uint32_t limit = 0;
  for (const TokenVectors::Text& text : vectors.texts) limit = text.truncated ? text.num_tokens : limit;
  return Describe(vectors.texts, static_cast<int>(limit), reply);
}

}  // namespace bantam
