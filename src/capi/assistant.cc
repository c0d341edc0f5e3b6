// bantam_assistant_*: a route file's assistant in this process.
#include <random>

#include "base/text_util.h"
#include "capi/answer.h"
#include "capi/call.h"
#include "capi/handles.h"
#include "tasks/holds_text.h"

namespace bantam::capi {
namespace {

constexpr size_t kMaxHistory = 10'000;

// Unique among processes and calls; not a secret.
std::string NewRequestId(bantam_assistant& assistant) {
  return fmt::format("{}{:08x}", assistant.id_prefix, ++assistant.num_ids);
}

std::string NewIdPrefix() {
  std::random_device device;
  return fmt::format("req_{:08x}{:08x}", device(), device());
}

void Describe(bantam_assistant& assistant) {
  const Router& router = *assistant.router;
  const RouteFile& file = router.file();
  for (const Route& route : file.routes) assistant.routes.push_back(route.name.c_str());
  assistant.info = {.struct_size = sizeof(bantam_assistant_info),
                    .name = file.name.c_str(),
                    .route_file_sha256 = file.sha256.c_str(),
                    .model = assistant.router->embedder().model_name().c_str(),
                    .num_routes = assistant.routes.size(),
                    .routes = assistant.routes.data(),
                    .threshold = router.head().metadata().threshold};
}

Status LoadAssistant(const char* route_file, const bantam_assistant_options* given, bantam_assistant** out) {
  BANTAM_RETURN_IF_ERROR(NotNull(out, "out"));
  BANTAM_RETURN_IF_ERROR(NotNull(route_file, "route_file"));
  BANTAM_TRY(const auto options, ReadOptions(given, BANTAM_SIZE_THROUGH(bantam_assistant_options, progress_user_data),
                                             "bantam_assistant_options"));
  BANTAM_TRY(const std::string_view path, ReadName(route_file, "route_file"));
  BANTAM_TRY(const std::string_view store, ReadName(options.store_folder, "store_folder"));
  BANTAM_TRY(const std::string_view state, ReadName(options.state_folder, "state_folder"));
  RouterOptions router;
  BANTAM_TRY(router.num_threads, ReadThreads(options.num_threads));
  if (options.model != nullptr) {
    if (options.model->embedder == nullptr) {
      return Err(ErrorCode::kUnsupported, "\"model\" was loaded for its head: load it with task = BANTAM_TASK_EMBED");
    }
    router.embedder = options.model->embedder;
  }
  if (!store.empty()) router.store = Path(store);
  router.state_folder = Path(state);
  router.persistent = !state.empty();
  router.cache_in_memory = state.empty();
  router.network = options.network != 0;
  router.queue = options.offline_queue != 0;
  if (router.queue && state.empty())
    return Err(ErrorCode::kInvalidArgument, "\"offline_queue\" needs a \"state_folder\", where the questions are kept");
  router.own_threads = false;
  if (options.progress != nullptr) {
    router.progress = [&options](std::string_view stage, double fraction) {
      options.progress(options.progress_user_data, std::string(stage).c_str(), fraction);
    };
  }
  auto assistant = std::make_unique<bantam_assistant>();
  assistant->id_prefix = NewIdPrefix();
  assistant->log = MakeLogSink(options.log, options.log_user_data);
  const LogScope log(assistant->log);
  BANTAM_TRY(RouteFile file, LoadRouteFile(Path(path)));
  BANTAM_TRY(assistant->router, Router::Create(std::move(file), std::move(router)));
  Describe(*assistant);
  *out = assistant.release();
  return Ok();
}

Result<std::string_view> ReadQuestion(bantam_assistant& assistant, const char* text, size_t text_size) {
  BANTAM_TRY(const std::string_view question, ReadText(text, text_size, "text", BANTAM_MAX_QUESTION_BYTES));
  if (HoldsText(assistant.router->embedder().tokenizer(), question)) return question;
  return Err(ErrorCode::kInvalidArgument, "\"text\" holds nothing that can be decided on");
}

Status ReadHistory(const bantam_decide_options& options, std::vector<ChatMessage>& messages) {
  if (options.num_history == 0) return Ok();
  BANTAM_RETURN_IF_ERROR(NotNull(options.history, "history"));
  if (options.num_history > kMaxHistory) {
    return Err(ErrorCode::kTooLarge, "{} messages of history: at most {}", options.num_history, kMaxHistory);
  }
  for (size_t i = 0; i < options.num_history; ++i) {
    const bantam_message& message = options.history[i];
    BANTAM_TRY(const std::string_view role, ReadName(message.role, "role"));
    static constexpr std::string_view kRoles[] = {"system", "developer", "user", "assistant", "tool"};
    if (std::ranges::find(kRoles, role) == std::end(kRoles)) {
      return Err(ErrorCode::kInvalidArgument,
                 "the role of history[{}] is \"{}\": give system, developer, user, assistant or tool", i,
                 EscapeForTerminal(role, 40));
    }
    BANTAM_TRY(const std::string_view content, ReadText(message.content.data, message.content.size,
                                                        fmt::format("history[{}]", i), BANTAM_MAX_QUESTION_BYTES));
    messages.push_back({std::string(role), std::string(content)});
  }
  return Ok();
}

// An identifier of the caller's: shown in logs and stored, so it has to be text.
Result<std::string> ReadId(const char* text, std::string_view name) {
  constexpr size_t kMaxIdBytes = 256;
  BANTAM_TRY(const std::string_view id, ReadText(text, text == nullptr ? 0 : BANTAM_C_STRING, name, kMaxIdBytes));
  return std::string(id);
}

Status Decide(bantam_assistant* assistant, const char* text, size_t text_size, const bantam_decide_options* given,
              bantam_answer** out) {
  BANTAM_RETURN_IF_ERROR(NotNull(out, "out"));
  BANTAM_RETURN_IF_ERROR(NotNull(assistant, "assistant"));
  BANTAM_TRY(const auto options,
             ReadOptions(given, BANTAM_SIZE_THROUGH(bantam_decide_options, timeout_ms), "bantam_decide_options"));
  BANTAM_TRY(const std::string_view question, ReadQuestion(*assistant, text, text_size));
  AssistantRequest request;
  BANTAM_RETURN_IF_ERROR(ReadHistory(options, request.messages));
  request.messages.push_back({"user", std::string(question)});
  BANTAM_TRY(request.session_id, ReadId(options.session_id, "session_id"));
  BANTAM_TRY(request.tenant, ReadId(options.tenant, "tenant"));
  BANTAM_TRY(request.request_id, ReadId(options.request_id, "request_id"));
  if (request.request_id.empty()) request.request_id = NewRequestId(*assistant);
  request.no_store = options.no_store != 0;
  request.deadline = DeadlineAfter(options.timeout_ms);
  const LogScope log(assistant->log);
  BANTAM_TRY(AssistantAnswer answer, assistant->router->Answer(request, {}));
  *out = NewAnswer(std::move(answer), std::move(request.request_id));
  return Ok();
}

Status Explain(bantam_assistant* assistant, const char* text, size_t text_size, bantam_explanation** out) {
  BANTAM_RETURN_IF_ERROR(NotNull(out, "out"));
  BANTAM_RETURN_IF_ERROR(NotNull(assistant, "assistant"));
  BANTAM_TRY(const std::string_view question, ReadQuestion(*assistant, text, text_size));
  const LogScope log(assistant->log);
  BANTAM_TRY(Explanation explanation, assistant->router->Explain(question));
  *out = NewExplanation(std::move(explanation));
  return Ok();
}

Status CountQueued(bantam_assistant* assistant, size_t* out) {
  BANTAM_RETURN_IF_ERROR(NotNull(out, "out"));
  BANTAM_RETURN_IF_ERROR(NotNull(assistant, "assistant"));
  const LogScope log(assistant->log);
  BANTAM_TRY(const int64_t count, assistant->router->CountQueued());
  *out = static_cast<size_t>(count);
  return Ok();
}

Status SendQueued(bantam_assistant* assistant, const bantam_send_options* given) {
  BANTAM_RETURN_IF_ERROR(NotNull(assistant, "assistant"));
  BANTAM_RETURN_IF_ERROR(NotNull(given, "options"));
  BANTAM_TRY(const auto options,
             ReadOptions(given, BANTAM_SIZE_THROUGH(bantam_send_options, timeout_ms), "bantam_send_options"));
  BANTAM_RETURN_IF_ERROR(NotNull(reinterpret_cast<const void*>(options.sent), "sent"));
  const LogScope log(assistant->log);
  return assistant->router->SendQueued([&](const SentQuestion& sent) { ShowSent(sent, options); },
                                       DeadlineAfter(options.timeout_ms), {});
}

}  // namespace
}  // namespace bantam::capi

using namespace bantam::capi;

extern "C" {

bantam_status bantam_assistant_load(const char* route_file, const bantam_assistant_options* options,
                                    bantam_assistant** out) {
  return Call([&] { return LoadAssistant(route_file, options, out); });
}

void bantam_assistant_free(bantam_assistant* assistant) {
  if (assistant == nullptr) return;
  {
    const LogScope log(assistant->log);  // what closing the state folder has to say
    assistant->router.reset();
  }
  delete assistant;
}

const bantam_assistant_info* bantam_assistant_describe(const bantam_assistant* assistant) {
  return assistant == nullptr ? nullptr : &assistant->info;
}

bantam_status bantam_assistant_decide(bantam_assistant* assistant, const char* text, size_t text_size,
                                      const bantam_decide_options* options, bantam_answer** out) {
  return Call([&] { return Decide(assistant, text, text_size, options, out); });
}

bantam_status bantam_assistant_explain(bantam_assistant* assistant, const char* text, size_t text_size,
                                       bantam_explanation** out) {
  return Call([&] { return Explain(assistant, text, text_size, out); });
}

bantam_status bantam_assistant_count_queued(bantam_assistant* assistant, size_t* out) {
  return Call([&] { return CountQueued(assistant, out); });
}

bantam_status bantam_assistant_send_queued(bantam_assistant* assistant, const bantam_send_options* options) {
  return Call([&] { return SendQueued(assistant, options); });
}
}
