#include "files/hostile_model.h"

#include <fstream>

#include "base/check.h"

namespace bantam::testing {
namespace {

// Not WriteFileAtomic: it syncs, which a thousand throw-away files need not.
void Put(const Path& path, std::string_view bytes) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary);
  file << bytes;
  BANTAM_CHECK(file.flush().good(), "cannot write {}", path.string());
}

constexpr std::string_view kHeader =
    R"({"__metadata__":{"format":"pt"},"a.weight":{"dtype":"F32","shape":[3],"data_offsets":[0,12]},)"
    R"("b.weight":{"dtype":"F32","shape":[2,2],"data_offsets":[12,28]},"ids":{"dtype":"I64","shape":[1,1],"data_offsets":[28,36]}}  )";
constexpr size_t kDataBytes = 36;

// One tensor entry.
std::string Tensor(std::string_view name, std::string_view dtype, std::string_view shape, std::string_view offsets) {
  return fmt::format(R"("{}":{{"dtype":"{}","shape":{},"data_offsets":{}}})", name, dtype, shape, offsets);
}

// A case whose model.safetensors holds these bytes.
HostileCase Weights(std::string name, std::string bytes, std::vector<std::string> parts) {
  return {std::move(name), [bytes = std::move(bytes)](const Path& folder) { Put(folder / "model.safetensors", bytes); },
          std::move(parts)};
}
HostileCase Header(std::string name, const std::string& header, size_t data_bytes, std::vector<std::string> parts) {
  return Weights(std::move(name), SafetensorsBytes(header, data_bytes), std::move(parts));
}
// Large headers are made when their case runs, not all at once.
HostileCase LargeHeader(std::string name, std::function<std::string()> header, std::vector<std::string> parts) {
  return {std::move(name),
          [header = std::move(header)](const Path& folder) {
            Put(folder / "model.safetensors", SafetensorsBytes(header(), 0));
          },
          std::move(parts)};
}
HostileCase JsonFile(std::string name, std::string file, std::string text, std::vector<std::string> parts) {
  return {std::move(name),
          [file = std::move(file), text = std::move(text)](const Path& folder) { Put(folder / file, text); },
          std::move(parts)};
}
// A sharded folder whose index maps "b.weight" to `shard`, after `prepare`.
HostileCase Shard(std::string name, std::string shard, std::function<void(const Path&)> prepare,
                  std::vector<std::string> parts) {
  return {std::move(name),
          [shard = std::move(shard), prepare = std::move(prepare)](const Path& folder) {
            WriteValidShardedFolder(folder);
            if (prepare) prepare(folder);
            Put(folder / "model.safetensors.index.json",
                fmt::format(R"({{"weight_map":{{"a.weight":"model-1.safetensors","b.weight":"{}"}}}})", shard));
          },
          std::move(parts)};
}

constexpr std::string_view kConfig =
    R"({"model_type":"bert","hidden_size":8,"num_hidden_layers":1,"num_attention_heads":2,"intermediate_size":16,)"
    R"("max_position_embeddings":16,"vocab_size":32,"type_vocab_size":2,"layer_norm_eps":1e-12,"hidden_act":"gelu"})";

std::string ConfigWith(std::string_view key, std::string_view value) {
  return fmt::format(R"({{"model_type":"bert","{}":{}}})", key, value);
}

}  // namespace

std::string SafetensorsBytes(uint64_t header_bytes, std::string_view header, size_t data_bytes) {
  std::string bytes(reinterpret_cast<const char*>(&header_bytes), sizeof header_bytes);
  bytes += header;
  bytes.append(data_bytes, '\0');
  return bytes;
}
std::string SafetensorsBytes(std::string_view header, size_t data_bytes) {
  return SafetensorsBytes(header.size(), header, data_bytes);
}
std::string ValidSafetensors() { return SafetensorsBytes(kHeader, kDataBytes); }

void WriteValidFolder(const Path& folder) {
  Put(folder / "config.json", kConfig);
  Put(folder / "tokenizer.json", "{}");
  Put(folder / "modules.json",
      R"([{"idx":0,"name":"0","path":"","type":"sentence_transformers.models.Transformer"},)"
      R"({"idx":1,"name":"1","path":"1_Pooling","type":"sentence_transformers.models.Pooling"},)"
      R"({"idx":2,"name":"2","path":"2_Normalize","type":"sentence_transformers.models.Normalize"}])");
  Put(folder / "1_Pooling/config.json", R"({"word_embedding_dimension":8,"pooling_mode_mean_tokens":true})");
  Put(folder / "sentence_bert_config.json", R"({"max_seq_length":12,"do_lower_case":false})");
  Put(folder / "model.safetensors", ValidSafetensors());
}

void WriteValidShardedFolder(const Path& folder) {
  WriteValidFolder(folder);
  std::filesystem::remove(folder / "model.safetensors");
  Put(folder / "model-1.safetensors", SafetensorsBytes("{" + Tensor("a.weight", "F32", "[3]", "[0,12]") + "}", 12));
  Put(folder / "model-2.safetensors", SafetensorsBytes("{" + Tensor("b.weight", "F32", "[2,2]", "[0,16]") + "}", 16));
  Put(folder / "model.safetensors.index.json",
      R"({"metadata":{"total_size":28.0,"x":[1,{"y":null}]},"weight_map":{"a.weight":"model-1.safetensors",)"
      R"("b.weight":"model-2.safetensors"}})");
}

std::vector<HostileCase> WeightFileCases() {
  const auto one = [](std::string_view tensor) { return fmt::format("{{{}}}", tensor); };
  const std::string good = Tensor("a", "F32", "[3]", "[0,12]");
  std::vector<HostileCase> cases = {
      {"valid", [](const Path&) {}, {}},
      Header("valid/no tensors", "{}", 0, {}),
      Header("valid/a scalar and an empty tensor",
             "{" + Tensor("s", "F64", "[]", "[0,8]") + "," + Tensor("e", "F16", "[0,7]", "[8,8]") + "}", 8, {}),
      Header("valid/order of the data is free",
             "{" + Tensor("b", "U8", "[2]", "[2,4]") + "," + Tensor("a", "U8", "[2]", "[0,2]") + "}", 4, {}),
      Header("valid/escapes in a name", "{" + Tensor("a\\u00e9\\ud83d\\ude00", "U8", "[1]", "[0,1]") + "}", 1, {}),
      Weights("F-38/empty", "", {"header length at byte 0", "got 0 bytes, needs 8"}),
      Weights("F-38/7 bytes", std::string(7, '\0'), {"header length at byte 0", "got 7 bytes"}),
      Weights("F-38/N = 0", SafetensorsBytes("", 0), {"header at byte 8", "must begin with '{'"}),
      Weights("F-38/N = 1", SafetensorsBytes("{", 0), {"header at byte 9", "expected a string", "the end of the text"}),
      Weights("F-38/N beyond the file", SafetensorsBytes(1000, "{}", 0),
              {"header length at byte 0", "got 10 bytes", "1008"}),
      Weights("F-38/N = 2^64-1", SafetensorsBytes(~uint64_t{0}, "{}", 0),
              {"got 18446744073709551615, limit 100000000"}),
      Weights("F-38/N = 2^64-8", SafetensorsBytes(~uint64_t{7}, "{}", 0), {"limit 100000000"}),
      Weights("F-38/N = 100000001", SafetensorsBytes(100'000'001, "{}", 0), {"got 100000001, limit 100000000"}),
      Header("F-39/not UTF-8", one(Tensor("a\xFF", "U8", "[1]", "[0,1]")), 1, {"header at byte 11", "invalid UTF-8"}),
      Header("F-39/cut UTF-8", one(Tensor("\xE2\x82", "U8", "[1]", "[0,1]")), 1, {"invalid UTF-8"}),
      Header("F-39/not JSON", "{hello}", 0, {"header at byte 9", "expected a string (got 'h')"}),
      Header("F-39/leading space", " {}", 0, {"header at byte 8", "must begin with '{'"}),
      Header("F-39/array at the top", "[]", 0, {"must begin with '{'"}),
      Header("F-39/byte order mark", "\xEF\xBB\xBF{}", 0, {"must begin with '{'"}),
      Header("F-39/trailing newline", "{} \n", 0, {"header at byte 11", "only spaces may follow"}),
      Header("F-39/trailing NUL", std::string("{}\0", 3), 0, {"only spaces may follow"}),
      Header("F-39/trailing value", "{}{}", 0, {"only spaces may follow"}),
      Header("F-39/trailing comma", "{" + good + ",}", 12, {"expected a string (got '}')"}),
      Header("F-39/comment", "{/* */}", 0, {"expected a string"}),
      Header("F-39/lone surrogate", one(Tensor("\\ud800", "U8", "[1]", "[0,1]")), 1, {"a lone surrogate"}),
      Header("F-39/bad escape", one(Tensor("\\x41", "U8", "[1]", "[0,1]")), 1, {"an unknown escape"}),
      Header("F-39/unfinished escape", "{\"\\u12", 0, {"four hexadecimal digits"}),
      Header("F-39/raw control character", one(Tensor("a\nb", "U8", "[1]", "[0,1]")), 1, {"a control character"}),
      Header("F-39/unfinished string", "{\"abc", 0, {"ends inside a string"}),
      LargeHeader("F-40/10^7 brackets", [] { return "{\"a\":" + std::string(10'000'000, '['); },
                  {"tensor 'a' at byte 13", "expected '{' (got '[')"}),
      LargeHeader("F-40/10^6 braces",
                  [] {
                    std::string text;
                    for (int i = 0; i < 1'000'000; ++i) text += "{\"a\":";
                    return text;
                  },
                  {"an unknown key"}),
      LargeHeader("F-40/90 MB of keys",
                  [] {
                    std::string text = "{";
                    for (int i = 0; text.size() < 90'000'000; ++i)
                      text += Tensor(fmt::format("t{}", i), "U8", "[0]", "[0,0]") + ",";
                    return text + Tensor("z", "U8", "[0]", "[0,0]") + "}";
                  },
                  {"too many tensors (limit 65536)"}),
      LargeHeader("F-40/a name of 90 MB", [] { return "{\"" + std::string(90'000'000, 'x') + "\":{}}"; },
                  {"header at byte 9", "too long (limit 255 bytes)"}),
      LargeHeader("F-40/90 MB of spaces", [] { return "{" + std::string(90'000'000, ' ') + "x"; },
                  {"header at byte 90000009"}),
      Header("F-41/duplicate tensor",
             "{" + Tensor("a", "U8", "[0]", "[0,0]") + "," + good + "," + Tensor("b", "U8", "[0]", "[12,12]") + "," +
                 Tensor("\\u0061", "U8", "[0]", "[12,12]") + "}",
             12, {"tensor 'a'", "a duplicate key"}),
      Header("F-41/duplicate dtype", R"({"a":{"dtype":"U8","dtype":"F32","shape":[3],"data_offsets":[0,12]}})", 12,
             {"tensor 'a' at byte", "a duplicate key \"dtype\""}),
      Header("F-41/duplicate metadata", R"({"__metadata__":{"k":"1","k":"2"}})", 0,
             {"__metadata__", "a duplicate key"}),
      Header("F-41/metadata twice", R"({"__metadata__":{},"__metadata__":{}})", 0, {"__metadata__", "a duplicate key"}),
      Header("F-44/shape and range differ", one(Tensor("a", "F32", "[4]", "[0,12]")), 12,
             {"F32 [4] needs 16 bytes (got 12"}),
      Header("F-44/product overflows", one(Tensor("a", "F32", "[4398046511105,4194304,4294967296]", "[0,12]")), 12,
             {"overflows 64 bits"}),
      Header("F-44/product wraps to the range", one(Tensor("a", "F32", "[4611686018427387907]", "[0,12]")), 12,
             {"overflows 64 bits"}),
      Header("F-44/size above 2^63", one(Tensor("a", "U8", "[9223372036854775808]", "[0,12]")), 12,
             {"shape[0]", "too large"}),
      Header("F-44/size above 2^64", one(Tensor("a", "U8", "[18446744073709551616]", "[0,12]")), 12,
             {"shape[0]", "too large"}),
      Header("F-44/negative size", one(Tensor("a", "U8", "[-1]", "[0,12]")), 12,
             {"shape[0]", "non-negative integer (got -1)"}),
      Header("F-44/fractional size", one(Tensor("a", "U8", "[12.0]", "[0,12]")), 12,
             {"non-negative integer (got 12.0)"}),
      Header("F-44/exponent", one(Tensor("a", "U8", "[12e0]", "[0,12]")), 12, {"non-negative integer (got 12e0)"}),
      Header("F-44/leading zero", one(Tensor("a", "U8", "[012]", "[0,12]")), 12, {"non-negative integer (got 012)"}),
      Header("F-44/size as a string", one(Tensor("a", "U8", "[\"12\"]", "[0,12]")), 12, {"non-negative integer"}),
      Header("F-44/9 dimensions", one(Tensor("a", "U8", "[1,1,1,1,1,1,1,1,1]", "[0,1]")), 1,
             {"shape[8]", "too many dimensions (limit 8)"}),
      Header("F-44/unknown dtype", one(Tensor("a", "F8_E9", "[12]", "[0,12]")), 12,
             {"tensor 'a' dtype at byte", "got F8_E9"}),
      Header("F-44/sub-byte dtype", one(Tensor("a", "F4", "[3]", "[0,2]")), 2, {"got F4"}),
      Header("F-44/dtype as a number", R"({"a":{"dtype":3,"shape":[3],"data_offsets":[0,12]}})", 12,
             {"expected a string (got '3')"}),
      Header("F-44/dtype missing", R"({"a":{"shape":[3],"data_offsets":[0,12]}})", 12, {"\"dtype\" is missing"}),
      Header("F-44/offsets missing", R"({"a":{"shape":[3],"dtype":"F32"}})", 12, {"\"data_offsets\" is missing"}),
      Header("F-44/one offset", one(Tensor("a", "F32", "[3]", "[12]")), 12, {"expected [begin, end] (got 1 numbers)"}),
      Header("F-44/three offsets", one(Tensor("a", "F32", "[3]", "[0,12,12]")), 12, {"more than two"}),
      Header("F-44/end before begin", one(Tensor("a", "F32", "[3]", "[12,0]")), 12, {"the end lies before the begin"}),
      Header("F-44/end beyond the file", one(Tensor("a", "F32", "[4]", "[0,16]")), 12, {"got 16, limit 12"}),
      Header("F-44/offset = 2^64-32", one(Tensor("a", "F32", "[3]", "[18446744073709551584,18446744073709551596]")), 12,
             {"limit 12"}),
      Header("F-44/overlap", "{" + good + "," + Tensor("b", "F32", "[2]", "[8,16]") + "}", 16,
             {"tensor 'b' data_offsets", "overlap"}),
      Header("F-44/the same bytes twice", "{" + good + "," + Tensor("b", "F32", "[3]", "[0,12]") + "}", 12,
             {"overlap"}),
      Header("F-44/hole", "{" + good + "," + Tensor("b", "F32", "[1]", "[16,20]") + "}", 20, {"a hole"}),
      Header("F-44/hole at the start", one(Tensor("a", "F32", "[3]", "[4,16]")), 16, {"a hole"}),
      Header("F-44/bytes behind the last tensor", one(good), 13, {"data at byte", "got 1 bytes behind"}),
      Header("F-44/unknown key", R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"x":1}})", 0,
             {"an unknown key \"x\""}),
      Header("F-44/name with escapes", one(Tensor("\\u001b[31m", "U8", "[0]", "[0,0]")), 0,
             {"tensor '\\x1B[31m'", "control characters"}),
      Header("F-44/empty name", one(Tensor("", "U8", "[0]", "[0,0]")), 0, {"must not be empty"}),
      Header("F-44/name of 256 bytes", one(Tensor(std::string(256, 'n'), "U8", "[0]", "[0,0]")), 0,
             {"limit 255 bytes"}),
      Header("F-45/value is a number", R"({"__metadata__":{"k":1}})", 0,
             {"__metadata__ at byte", "expected a string (got '1')"}),
      Header("F-45/nested object", R"({"__metadata__":{"k":{}}})", 0, {"expected a string (got '{')"}),
      Header("F-45/not an object", R"({"__metadata__":"k"})", 0, {"__metadata__", "expected '{'"}),
      LargeHeader("F-45/50 MB value",
                  [] { return R"({"__metadata__":{"k":")" + std::string(50'000'000, 'm') + "\"}}"; },
                  {"__metadata__", "too long"}),
      LargeHeader("F-45/50 MB in entries",
                  [] {
                    std::string text = R"({"__metadata__":{)";
                    for (int i = 0; text.size() < 50'000'000; ++i) text += fmt::format("\"{}\":\"\",", i);
                    return text + R"("z":""}})";
                  },
                  {"too much metadata"}),
      Weights("F-61/Git LFS pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 90868376\n",
              {"Git LFS pointer"}),
      Weights("F-61/pickle", std::string("\x80\x02}q\0", 5) + std::string(64, '.'), {"pickle files are never loaded"}),
      Weights("F-61/zip", std::string("PK\x03\x04", 4) + std::string(64, 'z'), {"pickle files are never loaded"}),
      Weights("F-61/ONNX", std::string("\x08\x07\x12\x07pytorch", 11) + std::string(64, 'z'), {"ONNX graph"}),
      Weights("F-61/GGUF", std::string("GGUF\x03\0\0\0", 8) + std::string(64, '\0'), {"GGUF file"}),
      Weights("F-61/gzip", std::string("\x1F\x8B\x08\0", 4) + std::string(64, 'z'), {"compressed archive"}),
      Weights("F-61/HTML", "<!DOCTYPE html><title>Sign in</title>", {"HTML page"}),
  };
  return cases;
}

std::vector<HostileCase> ShardCases() {
  const auto index = [](std::string name, std::string text, std::vector<std::string> parts) {
    return HostileCase{std::move(name),
                       [text = std::move(text)](const Path& folder) {
                         WriteValidShardedFolder(folder);
                         Put(folder / "model.safetensors.index.json", text);
                       },
                       std::move(parts)};
  };
  constexpr const char* kPlainName = "must be the name of a file in the same folder";
  const auto link = [](const char* target) {
    return [target](const Path& folder) { std::filesystem::create_symlink(target, folder / "link.safetensors"); };
  };
  return {
      {"valid/sharded", WriteValidShardedFolder, {}},
      Shard("valid/link inside the folder", "link.safetensors", link("model-2.safetensors"), {}),
      Shard("F-46/parent", "../../etc/passwd", nullptr, {"weight_map file \"../../etc/passwd\"", kPlainName}),
      Shard("F-46/absolute", "/etc/passwd", nullptr, {kPlainName}),
      Shard("F-46/dot dot", "..", nullptr, {kPlainName}),
      Shard("F-46/empty", "", nullptr, {kPlainName}),
      Shard("F-46/drive", "C:\\\\x", nullptr, {kPlainName}),
      Shard("F-46/NUL", "model-2.safetensors\\u0000", nullptr, {kPlainName}),
      Shard("F-46/sub-folder behind a link", "away/passwd",
            [](const Path& folder) { std::filesystem::create_directory_symlink("/etc", folder / "away"); },
            {kPlainName}),
      Shard("F-46/link out", "link.safetensors", link("/etc/passwd"), {"symbolic link that leaves the folder"}),
      Shard("F-46/link to a device", "link.safetensors", link("/dev/zero"), {"symbolic link that leaves the folder"}),
      Shard("F-46/link to itself", "link.safetensors", link("link.safetensors"), {"symbolic link to itself"}),
      Shard("F-46/FIFO", "fifo",
            [](const Path& folder) {
              BANTAM_CHECK(std::system(fmt::format("mkfifo '{}'", (folder / "fifo").string()).c_str()) == 0);
            },
            {"is not a regular file"}),
      Shard("F-46/folder", "1_Pooling", nullptr, {"is not a regular file"}),
      Shard("F-47/missing shard", "model-3.safetensors", nullptr, {"model-3.safetensors", "No such file"}),
      Shard("F-47/tensor in the wrong shard", "model-1.safetensors", nullptr,
            {"weight_map puts tensor 'b.weight' into"}),
      Shard("F-47/tensor in two shards", "model-2.safetensors",
            [](const Path& folder) {
              Put(folder / "model-2.safetensors",
                  SafetensorsBytes("{" + Tensor("a.weight", "F32", "[3]", "[0,12]") + "," +
                                       Tensor("b.weight", "F32", "[1]", "[12,16]") + "}",
                                   16));
            },
            {"tensor 'a.weight' lies in \"model-2.safetensors\", but weight_map says \"model-1.safetensors\""}),
      {"F-47/10^6 shards",
       [](const Path& folder) {
         WriteValidShardedFolder(folder);
         std::string text = R"({"weight_map":{)";
         for (int i = 0; i < 1'000'000; ++i) text += fmt::format("\"t{}\":\"{}\",", i, i);
         Put(folder / "model.safetensors.index.json", text + R"("z":"z"}})");
       },
       {"weight_map 't1024'", "too many files (limit 1024)"}},
      index("F-47/duplicate tensor",
            R"({"weight_map":{"a.weight":"model-1.safetensors","a.weight":"model-2.safetensors"}})",
            {"a duplicate key"}),
      index("F-47/no weight_map", R"({"metadata":{}})", {"weight_map at byte 0", "missing or empty"}),
      index("F-47/value not a string", R"({"weight_map":{"a.weight":1}})",
            {"weight_map 'a.weight' at byte", "expected a string"}),
      index("F-47/deep metadata", "{\"metadata\":" + std::string(1'000'000, '['), {"nested too deep"}),
      index("F-47/text behind", R"({"weight_map":{"a":"b"}}x)", {"text after the end"}),
      {"F-61/only a pickle",
       [](const Path& folder) {
         std::filesystem::remove(folder / "model.safetensors");
         Put(folder / "pytorch_model.bin", "PK");
       },
       {"pytorch_model.bin", "pickle files are never loaded"}},
      {"F-61/only ONNX",
       [](const Path& folder) {
         std::filesystem::remove(folder / "model.safetensors");
         Put(folder / "model.onnx", "x");
       },
       {"model.onnx", "ONNX graph"}},
      {"F-61/nothing",
       [](const Path& folder) { std::filesystem::remove(folder / "model.safetensors"); },
       {"neither model.safetensors nor"}},
  };
}

std::vector<HostileCase> JsonCases() {
  const auto config = [](std::string name, std::string text, std::vector<std::string> parts) {
    return JsonFile(std::move(name), "config.json", std::move(text), std::move(parts));
  };
  const auto modules = [](std::string name, std::string text, std::vector<std::string> parts) {
    return JsonFile(std::move(name), "modules.json", std::move(text), std::move(parts));
  };
  constexpr const char* kTransformer = R"({"type":"sentence_transformers.models.Transformer","path":""})";
  return {
      {"valid/no modules", [](const Path& folder) { std::filesystem::remove(folder / "modules.json"); }, {}},
      config(
          "valid/F-51 code references are ignored",
          R"({"model_type":"bert","auto_map":{"AutoModel":"evil--code"},"trust_remote_code":true,"_name_or_path":"https://example.com/x"})",
          {}),
      config("F-52/empty", "", {"config.json"}),
      config("F-52/UTF-16", std::string("\xFF\xFE{\0}\0", 6), {"config.json", "invalid UTF-8"}),
      config("F-52/byte order mark", "\xEF\xBB\xBF{}", {"byte order mark"}),
      config("F-52/comment", "{} // x", {"config.json:1:4"}),
      config("F-52/trailing comma", R"({"model_type":"bert",})", {"config.json:1:"}),
      config("F-52/1e400", ConfigWith("max_position_embeddings", "1e400"), {"beyond the range of a double"}),
      config("F-52/NaN", ConfigWith("max_position_embeddings", "NaN"), {"not JSON"}),
      config("F-52/duplicate key", R"({"model_type":"bert","model_type":"gpt2"})", {"duplicate key \"model_type\""}),
      config("F-52/array", "[]", {"expected a JSON object"}),
      config("F-52/no architecture", "{}", {"\"model_type\" is missing"}),
      config("F-52/architecture null", R"({"model_type":null})", {"\"model_type\" is null, expected a string"}),
      config("F-50/deep", R"({"model_type":)" + std::string(10'000, '['), {"nested deeper than 64"}),
      {"F-52/positions as a string",
       [](const Path& folder) {
         std::filesystem::remove(folder / "sentence_bert_config.json");
         Put(folder / "config.json", ConfigWith("max_position_embeddings", "\"512\""));
       },
       {"\"max_position_embeddings\" is \"512\", expected an integer"}},
      {"F-52/positions 2^64",
       [](const Path& folder) {
         std::filesystem::remove(folder / "sentence_bert_config.json");
         Put(folder / "config.json", ConfigWith("max_position_embeddings", "18446744073709551616"));
       },
       {"expected an integer"}},
      {"F-52/no config",
       [](const Path& folder) { std::filesystem::remove(folder / "config.json"); },
       {"has no config.json"}},
      {"F-52/config is a folder",
       [](const Path& folder) {
         std::filesystem::remove(folder / "config.json");
         std::filesystem::create_directory(folder / "config.json");
       },
       {"not a regular file"}},
      JsonFile("F-52/length 0", "sentence_bert_config.json", R"({"max_seq_length":0})",
               {"\"max_seq_length\" is 0, expected an integer from 1"}),
      JsonFile("F-52/length -0", "sentence_bert_config.json", R"({"max_seq_length":-0})", {"\"max_seq_length\""}),
      JsonFile("F-52/length 2^31", "sentence_bert_config.json", R"({"max_seq_length":2147483648})",
               {"\"max_seq_length\" is 2147483648"}),
      JsonFile("valid/length null", "sentence_bert_config.json", R"({"max_seq_length":null})", {}),
      JsonFile("modules/lower-casing", "sentence_bert_config.json", R"({"max_seq_length":9,"do_lower_case":true})",
               {"\"do_lower_case\" is true"}),
      modules("modules/not a list", "{}", {"expected a list of 1 to 16 modules"}),
      modules("modules/empty", "[]", {"expected a list of 1 to 16 modules"}),
      modules("modules/unknown",
              fmt::format("[{},{}]", kTransformer, R"({"type":"sentence_transformers.models.LSTM","path":"1"})"),
              {"module 1: \"type\" \"sentence_transformers.models.LSTM\" is not computed here"}),
      modules("modules/dense without its file",
              fmt::format("[{},{}]", kTransformer, R"({"type":"sentence_transformers.models.Dense","path":"1"})"),
              {"1/config.json"}),
      modules("modules/only a transformer and a norm",
              fmt::format("[{},{}]", kTransformer, R"({"type":"sentence_transformers.models.Normalize","path":"1"})"),
              {"no Pooling before it"}),
      modules("modules/own code", fmt::format("[{}]", R"({"type":"evil.Transformer","path":""})"),
              {"\"evil.Transformer\""}),
      modules(
          "modules/way out",
          fmt::format("[{},{}]", kTransformer, R"({"type":"sentence_transformers.models.Pooling","path":"../../x"})"),
          {"must be the name of a folder beside it"}),
      modules("modules/entry not an object", "[1]", {"module 0", "expected a JSON object"}),
      JsonFile("valid/two poolings", "1_Pooling/config.json",
               R"({"pooling_mode_mean_tokens":true,"pooling_mode_cls_token":true})", {}),
      JsonFile("pooling/none", "1_Pooling/config.json", R"({"pooling_mode_mean_tokens":false})",
               {"no pooling mode is on"}),
      JsonFile("valid/pooling weighted", "1_Pooling/config.json", R"({"pooling_mode_weightedmean_tokens":true})", {}),
      JsonFile("prompts/default that is none", "config_sentence_transformers.json",
               R"({"prompts":{"a":"b"},"default_prompt_name":"c"})", {"\"default_prompt_name\" is \"c\"", "it has: a"}),
      JsonFile("prompts/number", "config_sentence_transformers.json", R"({"prompts":{"a":1}})", {"\"a\" is 1"}),
      JsonFile("prompts/deep", "config_sentence_transformers.json", std::string(100'000, '['), {"deeper than"}),
      JsonFile("prompts/truncate_dim", "config_sentence_transformers.json", R"({"truncate_dim":0})",
               {"\"truncate_dim\" is 0"}),
      JsonFile("pooling/word", "1_Pooling/config.json", R"({"pooling_mode":"nonsense"})", {"\"nonsense\""}),
      JsonFile("valid/pooling as a word", "1_Pooling/config.json", R"({"pooling_mode":"cls"})", {}),
      {"pooling/missing file",
       [](const Path& folder) { std::filesystem::remove(folder / "1_Pooling/config.json"); },
       {"1_Pooling/config.json"}},
  };
}

}  // namespace bantam::testing
