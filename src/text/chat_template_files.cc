// Where chat templates are found: a model's folder as transformers writes it, or the metadata of a GGUF file.
#include <algorithm>

#include "base/text_util.h"
#include "files/gguf.h"
#include "files/gguf_model.h"
#include "files/gguf_vocab.h"
#include "text/chat_template.h"

namespace bantam {
namespace {

constexpr uint64_t kMaxConfigBytes = uint64_t{64} << 20;  // with a vocabulary's added tokens
constexpr uint64_t kMaxTemplateBytes = uint64_t{1} << 20;
constexpr size_t kMaxTemplates = 100;
constexpr std::string_view kGgufKey = "tokenizer.chat_template";

std::string Shown(const Path& path) { return EscapeForTerminal(path.string(), 400); }

bool IsFile(const Path& path) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(path, ignored);
}

}  // namespace

class ChatTemplateReader {
 public:
  // The folder's own files decide in this order, as in transformers.
  Result<ChatTemplate> ReadFolder(const Path& folder) {
    out_.place_ = Shown(folder);
    BANTAM_RETURN_IF_ERROR(ReadTokens(folder / "special_tokens_map.json"));
    BANTAM_RETURN_IF_ERROR(ReadTokens(folder / "tokenizer_config.json"));
    if (IsFile(folder / "chat_template.jinja")) {
      BANTAM_RETURN_IF_ERROR(ReadJinja(folder / "chat_template.jinja", std::string(ChatTemplate::kDefault)));
      BANTAM_RETURN_IF_ERROR(ReadMore(folder / "additional_chat_templates"));
      return Finish();
    }
    for (const char* name : {"chat_template.json", "tokenizer_config.json"}) {
      BANTAM_RETURN_IF_ERROR(ReadJson(folder / name));
      if (!out_.templates_.empty()) return Finish();
    }
    BANTAM_TRY(const std::optional<Path> gguf, FindGgufIn(folder));
    if (gguf) return ReadGguf(*gguf);
    return NotFound(
        "expected chat_template.jinja, chat_template.json, \"chat_template\" in tokenizer_config.json, or a GGUF file");
  }

  Result<ChatTemplate> ReadGguf(const Path& path) {
    out_.place_ = Shown(path);
    BANTAM_TRY(const auto file, GgufFile::Open(path));
    return ReadGguf(*file);
  }

  Result<ChatTemplate> ReadGguf(const GgufFile& file) {
    const GgufMetadata& metadata = file.metadata();
    out_.place_ = metadata.file();
    for (const auto& [key, value] : metadata.all()) {
      if (!key.starts_with(kGgufKey)) continue;
      std::string name = key.substr(kGgufKey.size());
      if (name.empty()) {
        name = ChatTemplate::kDefault;
      } else if (name[0] == '.') {
        name.erase(0, 1);
      } else {
        continue;  // tokenizer.chat_templates: only their names
      }
      BANTAM_TRY(const std::string_view source, metadata.String(key));
      BANTAM_RETURN_IF_ERROR(
          Add(std::move(name), source, fmt::format("{}: '{}'", out_.place_, EscapeForTerminal(key))));
    }
    if (out_.templates_.empty()) return NotFound("the file has no key 'tokenizer.chat_template'");
    const Result<GgufVocab> read = ReadGgufVocab(metadata);
    if (!read && read.error().code == ErrorCode::kNotFound) return Finish();  // a template without a tokenizer
    if (!read) return read.error();
    const GgufVocab& vocab = *read;
    const auto put = [&](const char* name, int32_t id) {
      if (id >= 0) out_.tokens_[name] = std::string(vocab.tokens[static_cast<size_t>(id)]);
    };
    put("bos_token", vocab.bos);
    put("eos_token", vocab.eos);
    put("unk_token", vocab.unknown);
    put("sep_token", vocab.separator);
    put("pad_token", vocab.padding);
    put("cls_token", vocab.cls);
    put("mask_token", vocab.mask);
    return Finish();
  }

  Result<ChatTemplate> ReadFile(const Path& path) {
    out_.place_ = Shown(path);
    if (LooksLikeGguf(path)) return ReadGguf(path);
    const Path folder = path.parent_path();
    BANTAM_RETURN_IF_ERROR(ReadTokens(folder / "special_tokens_map.json"));
    BANTAM_RETURN_IF_ERROR(ReadTokens(folder / "tokenizer_config.json"));
    if (path.extension() == ".json") {
      BANTAM_RETURN_IF_ERROR(ReadJson(path));
      if (out_.templates_.empty()) return NotFound("the file has no member \"chat_template\"");
    } else {
      BANTAM_RETURN_IF_ERROR(ReadJinja(path, std::string(ChatTemplate::kDefault)));
    }
    return Finish();
  }

 private:
  Error NotFound(std::string_view why) const {
    return Err(ErrorCode::kNotFound, "{}: no chat template: {}", out_.place_, why);
  }

  Result<ChatTemplate> Finish() { return std::move(out_); }

  Status Add(std::string name, std::string_view source, std::string place) {
    if (out_.templates_.size() >= kMaxTemplates) {
      return Err(ErrorCode::kTooLarge, "{}: more than {} chat templates, the limit", out_.place_, kMaxTemplates);
    }
    return out_.Add(std::move(name), source, std::move(place));
  }

  Status ReadJinja(const Path& path, std::string name) {
    BANTAM_TRY(const std::string source, bantam::ReadFile(path, kMaxTemplateBytes));
    return Add(std::move(name), source, Shown(path));
  }

  Status ReadMore(const Path& folder) {
    std::error_code ignored;
    std::vector<Path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
      if (entry.path().extension() == ".jinja") paths.push_back(entry.path());
    }
    std::sort(paths.begin(), paths.end());
    for (const Path& path : paths) BANTAM_RETURN_IF_ERROR(ReadJinja(path, path.stem().string()));
    return Ok();
  }

  // "chat_template": a string, or [{"name": ..., "template": ...}, ...].
  Status ReadJson(const Path& path) {
    if (!IsFile(path)) return Ok();
    BANTAM_TRY(const std::string text, bantam::ReadFile(path, kMaxConfigBytes));
    BANTAM_TRY(const json::value document, ParseJson(text, Shown(path)));
    BANTAM_TRY(const JsonObject object, JsonObject::From(document, Shown(path)));
    const json::value* found = object.Find("chat_template");
    if (found == nullptr || found->is_null()) return Ok();
    const std::string place = object.Where("chat_template");
    if (found->is_string()) return Add(std::string(ChatTemplate::kDefault), found->get_string(), place);
    if (!found->is_array()) {
      return Err(ErrorCode::kCorrupt, "{}: expected a string or a list of {{\"name\", \"template\"}}", place);
    }
    for (const json::value& each : found->get_array()) {
      BANTAM_TRY(const JsonObject one, JsonObject::From(each, place));
      BANTAM_TRY(std::string name, one.String("name"));
      BANTAM_TRY(const std::string source, one.String("template"));
      const std::string its_place = fmt::format("{} \"{}\"", place, EscapeForTerminal(name));
      BANTAM_RETURN_IF_ERROR(Add(std::move(name), source, its_place));
    }
    return Ok();
  }

  // "bos_token": "<s>", or {"content": "<s>", ...}.
  Status ReadTokens(const Path& path) {
    if (!IsFile(path)) return Ok();
    BANTAM_TRY(const std::string text, bantam::ReadFile(path, kMaxConfigBytes));
    BANTAM_TRY(const json::value document, ParseJson(text, Shown(path)));
    BANTAM_TRY(const JsonObject object, JsonObject::From(document, Shown(path)));
    for (const auto& [name, value] : object.raw()) {
      if (!std::string_view(name).ends_with("_token")) continue;
      const json::value* content = value.is_object() ? value.get_object().if_contains("content") : &value;
      // Others that are called so ("add_bos_token") are flags.
      if (content == nullptr || !content->is_string()) continue;
      out_.tokens_[std::string(name)] = std::string(content->get_string());
    }
    return Ok();
  }

  ChatTemplate out_;
};

Result<ChatTemplate> ChatTemplate::FromGguf(const GgufFile& file) { return ChatTemplateReader().ReadGguf(file); }

Result<ChatTemplate> ChatTemplate::Load(const Path& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return ChatTemplateReader().ReadFolder(path);
  return ChatTemplateReader().ReadFile(path);
}

}  // namespace bantam
