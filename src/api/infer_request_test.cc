// What comes as tensors is read as it is meant, and whatever is wrong with it is refused by name.
#include <gtest/gtest.h>

#include "api/tensor.h"

namespace bantam {
namespace {

std::string Element(std::string_view text) {
  std::string out;
  const auto size = static_cast<uint32_t>(text.size());
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(size >> shift);
  return out.append(text);
}

std::string Refusal(std::string_view body, std::string_view header_length = "") {
  const auto request = ReadInferRequest(body, header_length);
  return request ? "accepted" : request.error().message;
}

// One input with these members beside its name and datatype.
std::string Input(std::string_view members) {
  return R"({"inputs":[{"name":"text","datatype":"BYTES",)" + std::string(members) + "}]}";
}

// The same, its data behind the JSON.
std::string Binary(std::string_view bytes, std::string_view shape, size_t size) {
  const std::string head =
      Input(R"("shape":)" + std::string(shape) + R"(,"parameters":{"binary_data_size":)" + std::to_string(size) + "}");
  const auto request = ReadInferRequest(head + std::string(bytes), std::to_string(head.size()));
  if (!request) return request.error().message;
  std::string joined;
  for (const std::string& text : request->inputs[0].texts) joined += text + "|";
  return joined;
}

TEST(InferRequest, ReadsTextsOfJson) {
  const auto request = ReadInferRequest(
      R"({"id":"7","parameters":{"temperature":0.5,"binary_data_output":true},
          "inputs":[{"name":"query","shape":[1,1],"datatype":"BYTES","data":[["a"]]},
                    {"name":"text","shape":[3],"datatype":"BYTES","parameters":{},"data":["b","","ä"]}],
          "outputs":[{"name":"score"},{"name":"label","parameters":{"binary_data":false}}]})",
      "");
  ASSERT_TRUE(request.has_value()) << request.error().message;
  EXPECT_EQ(request->id, "7");
  EXPECT_EQ(request->parameters.at("temperature").as_double(), 0.5);
  EXPECT_EQ(request->Find("query")->texts, std::vector<std::string>{"a"});
  EXPECT_EQ(request->Find("text")->texts, (std::vector<std::string>{"b", "", "ä"}));
  EXPECT_EQ(request->Find("nothing"), nullptr);
  ASSERT_EQ(request->outputs.size(), 2u);
  EXPECT_TRUE(request->binary && request->outputs[0].binary && !request->outputs[1].binary);
}

TEST(InferRequest, ReadsTextsOfBytes) {
  EXPECT_EQ(Binary(Element("one") + Element("") + Element("zw\xC3\xB6"), "[3]", 19), "one||zw\xC3\xB6|");
  EXPECT_EQ(Binary(Element(std::string("a\0b", 3)), "[1,1]", 7), std::string("a\0b|", 4));
  // Two inputs, in the order of the JSON.
  const std::string head =
      R"({"inputs":[{"name":"a","shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":5}},
                    {"name":"b","shape":[1],"datatype":"BYTES","data":["json"]},
                    {"name":"c","shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":6}}]})";
  const auto request = ReadInferRequest(head + Element("x") + Element("yz"), std::to_string(head.size()));
  ASSERT_TRUE(request.has_value()) << request.error().message;
  EXPECT_EQ(request->Find("a")->texts[0] + request->Find("b")->texts[0] + request->Find("c")->texts[0], "xjsonyz");
}

TEST(InferRequest, OneTextNeedsNoJson) {
  const auto request = ReadInferRequest("just this", "0");
  ASSERT_TRUE(request.has_value());
  EXPECT_TRUE(request->raw && request->binary);
  EXPECT_EQ(request->inputs[0].texts, std::vector<std::string>{"just this"});
  EXPECT_NE(Refusal("", "0").find("empty"), std::string::npos);
  EXPECT_NE(Refusal("\xFF", "0").find("UTF-8"), std::string::npos);
}

TEST(InferRequest, SizesThatLieAreRefused) {
  const std::string one = Element("one");
  EXPECT_NE(Binary(one, "[1]", 8).find(R"(input "text": its "binary_data_size" is 8, but 7 bytes are left)"),
            std::string::npos);
  EXPECT_NE(Binary(one, "[1]", 6).find("element 0 has the length 3, but 2 bytes are left"), std::string::npos);
  EXPECT_NE(Binary(one, "[2]", 7).find("end before element 1 of 2"), std::string::npos);
  EXPECT_NE(Binary(one + "x", "[1]", 8).find("1 bytes follow the last of its 1 elements"), std::string::npos);
  EXPECT_NE(Binary(one + "x", "[1]", 7).find("1 bytes follow the last tensor"), std::string::npos);
  EXPECT_NE(Binary("\xFF\xFF\xFF\xFFx", "[1]", 5).find("has the length 4294967295"), std::string::npos);
  EXPECT_NE(Binary("", "[1]", 0).find("end before element 0"), std::string::npos);
  EXPECT_NE(Binary(Element("a\x80"), "[1]", 6).find("element 0 is no UTF-8 at its byte 1"), std::string::npos);
  const std::string head = Input(R"("shape":[1],"parameters":{"binary_data_size":7})");
  EXPECT_NE(Refusal(head).find("send the header Inference-Header-Content-Length"), std::string::npos);
  for (const char* length : {"1000", "-1", "+5", "5x", " 5", "99999999999999999999999"}) {
    EXPECT_NE(Refusal(head + one, length).find("Inference-Header-Content-Length is"), std::string::npos) << length;
  }
}

TEST(InferRequest, ShapesAndDataAreCompared) {
  const std::pair<const char*, const char*> cases[] = {
      {R"("shape":[2],"data":["a"])", "\"data\" holds 1 texts, its shape has 2"},
      {R"("shape":[1],"data":["a","b"])", "holds more texts than its shape, which has 1"},
      {R"("shape":[1,2],"data":["a","b"])", "expected [N] or [N, 1]"},
      {R"("shape":[],"data":["a"])", "expected [N] or [N, 1]"},
      {R"("shape":[0],"data":[])", "expected 1 to 2048 texts"},
      {R"("shape":[2049],"data":[])", "expected 1 to 2048 texts"},
      {R"("shape":[-1],"data":["a"])", "expected whole numbers from 0"},
      {R"("shape":[1.5],"data":["a"])", "expected whole numbers from 0"},
      {R"("shape":[4294967296,4294967296],"data":["a"])", "more than 64 bits can count"},
      {R"("shape":[18446744073709551615,18446744073709551615],"data":["a"])", "more than 64 bits can count"},
      {R"("shape":"1","data":["a"])", "shape"},
      {R"("shape":[1],"data":[5])", "element 0 of \"data\" is 5, expected a text"},
      {R"("shape":[1],"data":"a")", "data"},
      {R"("shape":[1])", "has no data"},
      {R"("shape":[1],"data":["a"],"parameters":{"binary_data_size":5})", "has both"},
      {R"("shape":[1],"parameters":{"binary_data_size":-5})", "binary_data_size"},
      {R"("shape":[1],"parameters":{"shared_memory_region":"r"})", "no memory is shared"},
  };
  for (const auto& [members, expected] : cases) {
    EXPECT_NE(Refusal(Input(members)).find(expected), std::string::npos) << members << ": " << Refusal(Input(members));
  }
}

TEST(InferRequest, InputsAndOutputsAreTold) {
  const std::string good = R"({"name":"text","shape":[1],"datatype":"BYTES","data":["a"]})";
  const std::pair<std::string, const char*> cases[] = {
      {"{}", "inputs"},
      {R"({"inputs":[]})", "\"inputs\" has 0 tensors"},
      {R"({"inputs":[5]})", "inputs[0]"},
      {R"({"inputs":[)" + good + "," + good + "]}", "the input \"text\" comes twice"},
      {R"({"inputs":[{"name":"text","shape":[1],"datatype":"FP32","data":[1]}]})", "the datatype is \"FP32\""},
      {R"({"inputs":[{"name":"","shape":[1],"datatype":"BYTES","data":["a"]}]})", "name\" is empty"},
      {R"({"inputs":[)" + good + R"(],"outputs":[{"name":"a"},{"name":"a"}]})", "asked for twice"},
      {R"({"inputs":[)" + good + R"(],"outputs":[{"name":"a","parameters":{"binary_data":1}}]})", "binary_data"},
      {R"({"inputs":[)" + good + R"(],"outputs":[{"name":"a","parameters":{"classification":2}}]})", "\"label\""},
      {R"({"inputs":[)" + good + R"(],"id":5})", "id"},
      {R"({"inputs":[)" + good + "]}x", "body"},
  };
  for (const auto& [body, expected] : cases) {
    EXPECT_NE(Refusal(body).find(expected), std::string::npos) << body << ": " << Refusal(body);
  }
}

TEST(Tensor, IsWrittenAsJsonAndAsBytes) {
  const auto written = [](const Tensor& tensor) {
    std::string json, bytes;
    AppendTensorJson(tensor, json);
    AppendTensorBytes(tensor, bytes);
    return std::string(tensor.datatype()) + json + bytes;
  };
  using namespace std::string_literals;
  EXPECT_EQ(written({.name = "", .shape = {2}, .values = std::vector<std::string>{"a", "\"b"}}),
            "BYTES[\"a\",\"\\\"b\"]\1\0\0\0a\2\0\0\0\"b"s);
  EXPECT_EQ(written({.name = "", .shape = {1}, .values = std::vector<float>{1.5F}}), "FP32[1.5]\0\0\xC0\x3F"s);
  EXPECT_EQ(written({.name = "", .shape = {1}, .values = std::vector<int64_t>{-2}}),
            "INT64[-2]\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF"s);
}

}  // namespace
}  // namespace bantam
