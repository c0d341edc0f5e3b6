#include "gateway/infer_body.h"

#include <fmt/format.h>

#include <charconv>

#include "base/json.h"
#include "base/json_writer.h"

namespace bantam {
namespace {

// The protocol's names for what stands behind the JSON.
constexpr std::string_view kBinaryOutput = "binary_data_output", kBinary = "binary_data",
                           kBinarySize = "binary_data_size";

void WriteParameters(const google::protobuf::Map<std::string, inference::InferParameter>& parameters,
                     std::string_view except, JsonWriter& out) {
  for (const auto& [name, value] : parameters) {
    if (name == except) continue;
    out.Key(name);
    switch (value.parameter_choice_case()) {
      case inference::InferParameter::kBoolParam:
        out.Value(value.bool_param());
        break;
      case inference::InferParameter::kInt64Param:
        out.Value(value.int64_param());
        break;
      case inference::InferParameter::kUint64Param:
        out.Value(value.uint64_param());
        break;
      case inference::InferParameter::kDoubleParam:
        out.Value(value.double_param());
        break;
      case inference::InferParameter::kStringParam:
        out.Value(value.string_param());
        break;
      case inference::InferParameter::PARAMETER_CHOICE_NOT_SET:
        out.Value(nullptr);
        break;
    }
  }
}

// Texts, each after its length in four bytes. Models here read nothing else, and the server says so of the rest.
void AppendContents(const inference::InferTensorContents& contents, std::string& bytes) {
  for (const std::string& text : contents.bytes_contents()) {
    const auto size = static_cast<uint32_t>(text.size());
    for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(size >> shift & 0xff);
    bytes += text;
  }
}

Status CheckContents(const inference::ModelInferRequest& request) {
  if (request.raw_input_contents().empty()) return Ok();
  if (request.raw_input_contents_size() != request.inputs_size()) {
    return Err(ErrorCode::kInvalidArgument, "raw_input_contents has {} entries, inputs has {}: send one for each",
               request.raw_input_contents_size(), request.inputs_size());
  }
  for (const auto& input : request.inputs()) {
    if (input.has_contents()) {
      return Err(ErrorCode::kInvalidArgument,
                 "the input \"{}\" has contents beside raw_input_contents: send one of the two", input.name());
    }
  }
  return Ok();
}

}  // namespace

Result<InferBody> WriteInferBody(const inference::ModelInferRequest& request) {
  BANTAM_RETURN_IF_ERROR(CheckContents(request));
  InferBody body;
  std::string tensors;
  JsonWriter out(body.bytes);
  out.BeginObject();
  if (!request.id().empty()) out.Member("id", request.id());
  out.Key("parameters").BeginObject();
  WriteParameters(request.parameters(), kBinaryOutput, out);
  out.Member(kBinaryOutput, true).EndObject();
  out.Key("inputs").BeginArray();
  for (int i = 0; i < request.inputs_size(); ++i) {
    const auto& input = request.inputs(i);
    const size_t before = tensors.size();
    if (request.raw_input_contents().empty()) {
      AppendContents(input.contents(), tensors);
    } else {
      tensors += request.raw_input_contents(i);
    }
    out.BeginObject().Member("name", input.name()).Member("datatype", input.datatype());
    out.Key("shape").BeginArray();
    for (const int64_t dimension : input.shape()) out.Value(dimension);
    out.EndArray().Key("parameters").BeginObject();
    WriteParameters(input.parameters(), kBinarySize, out);
    out.Member(kBinarySize, tensors.size() - before).EndObject().EndObject();
  }
  out.EndArray();
  if (request.outputs_size() > 0) out.Key("outputs").BeginArray();
  for (const auto& output : request.outputs()) {
    out.BeginObject().Member("name", output.name()).Key("parameters").BeginObject();
    WriteParameters(output.parameters(), kBinary, out);
    out.Member(kBinary, true).EndObject().EndObject();
  }
  if (request.outputs_size() > 0) out.EndArray();
  out.EndObject();
  body.json_size = body.bytes.size();
  body.bytes += tensors;
  return body;
}

Status ReadInferReply(const IncomingResponse& response, inference::ModelInferResponse& message) {
  std::string_view rest = response.body;
  const std::string_view digits = response.Header("inference-header-content-length");
  size_t json_size = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), json_size);
  if (error != std::errc() || end != digits.data() + digits.size() || json_size > rest.size())
    return Err(ErrorCode::kCorrupt, "the server's reply has no tensors in bytes: is it a bantam of this version?");
  BANTAM_TRY(const json::value document, ParseJson(rest.substr(0, json_size), "the server's reply"));
  rest.remove_prefix(json_size);
  BANTAM_TRY(const JsonObject reply, JsonObject::From(document, "the server's reply"));
  BANTAM_TRY(*message.mutable_model_name(), reply.String("model_name"));
  BANTAM_TRY(*message.mutable_model_version(), reply.String("model_version"));
  BANTAM_TRY(*message.mutable_id(), reply.StringOr("id", ""));
  BANTAM_TRY(const json::array* outputs, reply.Array("outputs"));
  for (const json::value& item : *outputs) {
    BANTAM_TRY(const JsonObject object, JsonObject::From(item, "an output of the server's reply"));
    inference::ModelInferResponse::InferOutputTensor& output = *message.add_outputs();
    BANTAM_TRY(*output.mutable_name(), object.String("name"));
    BANTAM_TRY(*output.mutable_datatype(), object.String("datatype"));
    BANTAM_TRY(const json::array* shape, object.Array("shape"));
    for (const json::value& dimension : *shape) output.add_shape(dimension.is_int64() ? dimension.get_int64() : 0);
    BANTAM_TRY(const JsonObject parameters, object.Object("parameters"));
    BANTAM_TRY(const int64_t size, parameters.Int(kBinarySize, 0, std::ssize(rest)));
    message.add_raw_output_contents(std::string(rest.substr(0, static_cast<size_t>(size))));
    rest.remove_prefix(static_cast<size_t>(size));
  }
  return Ok();
}

}  // namespace bantam
