// bantam serve: the assistant of a route file and the models given, over HTTP.
#include <unistd.h>

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <ctime>

#include "api/app.h"
#include "base/log.h"
#include "base/text_util.h"
#include "cli/alias_option.h"
#include "cli/commands.h"
#include "cli/dtype_option.h"
#include "cli/key_option.h"
#include "cli/kv_type_option.h"
#include "cli/listen_option.h"
#include "cli/log_option.h"
#include "cli/progress.h"
#include "cli/speculation_option.h"
#include "files/model_store.h"
#include "route/budget_report.h"
#include "route/upkeep.h"
#include "route/yaml_reader.h"

namespace bantam::cli {
namespace {

constexpr size_t kMostTextThreads = 1024, kRefusingThreads = 32;

struct ServeOptions {
  std::string config, early_exit;
  Path keys_file;
  std::vector<std::string> models, adapters, aliases;
  bool on_demand = false;
  uint64_t memory_bytes = 0;
  std::string keep_alive = "5m";
  DtypeOption dtype = DtypeOption::Automatic();
  KvTypeOption kv_type;
  SpeculationOption speculation;
  LogOption log;
  int threads = 0, context = 0, parallel = 32;
  uint64_t embedding_cache_bytes = 0;
  std::string otlp;
  int timeout_s = 60, text_timeout_s = 600, drain_s = 30, drain_delay_s = 0;
  ServerOptions server;
};

// "5m", "0s"; "-1" or another negative number of seconds: for ever.
Result<std::chrono::seconds> ParseKeepAlive(const std::string& text) {
  if (text.starts_with('-')) return std::chrono::seconds(-1);
  const auto time = ParseDuration(text);
  if (!time) {
    return Err(ErrorCode::kInvalidArgument, "--keep-alive {}: expected a time such as 5m, 90s or 24h; 0s or -1",
               EscapeForTerminal(text));
  }
  return std::chrono::duration_cast<std::chrono::seconds>(*time);
}

Result<PoolOptions> PoolFor(const ServeOptions& options, bool on_demand) {
  PoolOptions pool{.on_demand = on_demand, .memory_bytes = options.memory_bytes};
  BANTAM_TRY(pool.encoder.weight_type, options.dtype.Type());
  pool.encoder.num_threads = options.threads;
  BANTAM_TRY(pool.generator.weight_type, options.dtype.TypeOfDecoder());
  pool.generator.engine = {.num_threads = options.threads,
                           .max_queued_requests = options.server.max_queued,
                           .cache_tokens = options.context,
                           .kv_type = options.kv_type.type(),
                           .max_sequences = options.parallel,
                           .speculation = options.speculation.Options()};
  pool.generator.draft = options.speculation.draft();
  BANTAM_TRY(pool.keep_alive, ParseKeepAlive(options.keep_alive));
  return pool;
}

ExportOptions WithVersion(ExportOptions traces) {
  const bool named =
      std::ranges::find(traces.resource, "service.version", &Resource::value_type::first) != traces.resource.end();
  if (!named) traces.resource.emplace_back("service.version", BANTAM_VERSION);
  return traces;
}

struct Started {
  std::string address, names, assistant;  // assistant: "" where there is none
  std::vector<std::string> budgets;       // lines about its error budgets
  bool on_demand, opens_in_browser;
  double ready_ms;
};

// To people, or in the log.
void SayStarted(const Started& started, bool in_log) {
  if (in_log) {
    for (const std::string& line : started.budgets) LogEvent(LogLevel::kInfo, "error_budget", {{"says", line}});
    return LogEvent(LogLevel::kInfo, "started",
                    {{"address", started.address},
                     {"serves", started.names},
                     {"ready_ms", started.ready_ms},
                     {"version", BANTAM_VERSION},
                     {"pid", ::getpid()}});
  }
  std::printf("Bantam serves %s%s on %s  (ready in %.0f ms)\n", started.names.c_str(), started.on_demand ? "," : "",
              started.address.c_str(), started.ready_ms);
  for (const std::string& line : started.budgets) std::printf("  %s\n", line.c_str());
  if (!started.assistant.empty() && started.opens_in_browser) {
    std::printf("  open that address in a browser to talk to \"%s\"; Ctrl-C stops\n", started.assistant.c_str());
  }
  std::fflush(stdout);
}

Status Serve(const ServeOptions& options) {
  const MonotonicTime start = MonotonicNow();
  const std::unique_ptr<LogWriter> log = options.log.Open();
  // Told to serve nothing in particular, the server has what the store has.
  const bool on_demand = options.on_demand || (options.config.empty() && options.models.empty());
  BANTAM_TRY(PoolOptions pool, PoolFor(options, on_demand));
  auto context = std::make_shared<ApiContext>();
  context->log_requests = log != nullptr;
  context->request_timeout = std::chrono::seconds(options.timeout_s);
  context->text_timeout = std::chrono::seconds(options.text_timeout_s);
  BANTAM_RETURN_IF_ERROR(SetUpKeys(options.keys_file, *context));
  BANTAM_TRY(std::optional<ExportOptions> traces, ReadExportOptions(options.otlp, ReadEnvironment));
  // The port first: a busy one should not cost the wait for a model.
  const auto spans = traces ? std::make_shared<SpanExporter>(WithVersion(*std::move(traces))) : nullptr;
  BANTAM_TRY(auto server, HttpServer::Listen(options.server, MakeApp(context, spans)));
  context->gauges = &server->gauges();

  if (options.embedding_cache_bytes > 0) {
    context->embedding_cache = std::make_shared<EmbeddingCache>(options.embedding_cache_bytes);
  }
  std::vector<ServedModel> models;
  const auto add_model = [&](ServedModel model) {
    const auto same = std::ranges::find(models, model.name, &ServedModel::name);
    if (same == models.end()) return models.push_back(std::move(model));
    // The assistant's encoder, named once more: it stays when the assistant takes another one.
    same->path = model.path;
    same->stamp = model.stamp;
  };
  if (!options.config.empty()) {
    ProgressBar bar("training the intents");
    context->assistant_options = {
        .route_file = options.config, .num_threads = options.threads, .embedding_cache = context->embedding_cache};
    if (!options.early_exit.empty()) {
      BANTAM_TRY(context->assistant_options.max_disagreement, ParseDisagreement(options.early_exit));
    }
    BANTAM_TRY(Assistant assistant,
               LoadAssistant(context->assistant_options, {}, {},
                             [&](std::string_view stage, double fraction) { bar.Update(stage, fraction); }));
    add_model(EncoderOf(assistant));
    context->assistant.Replace(std::move(assistant));
  }
  pool.embedding_cache = context->embedding_cache;
  if (options.memory_bytes > 0) {
    const uint64_t before = OwnMemoryBytes() + options.embedding_cache_bytes;
    context->memory_watch = std::make_unique<MemoryWatch>(MemoryWatch::LimitFor(options.memory_bytes, before));
  }
  int num_generators = 0;
  for (const std::string& name : options.models) {
    BANTAM_TRY(ModelFolder opened, OpenModel(name, pool.encoder.store));
    BANTAM_TRY(ServedModel model,
               LoadServedModel(std::move(opened), pool.encoder, pool.generator, context->embedding_cache));
    if (model.generator != nullptr) {
      ++num_generators;
      BANTAM_RETURN_IF_ERROR(options.dtype.Check(model.generator->engine().decoder().weight_type(), name));
    } else {
      BANTAM_RETURN_IF_ERROR(options.dtype.Check(model.engine->encoder(), name));
    }
    add_model(std::move(model));
  }

  for (const std::string& option : options.adapters) {
    BANTAM_TRY(const AdapterOptions adapter, ParseAdapter(option));
    if (context->IsRouter(adapter.name)) {
      return Err(ErrorCode::kInvalidArgument, "--lora {}: the assistant has that name",
                 EscapeForTerminal(adapter.name));
    }
    BANTAM_RETURN_IF_ERROR(AddServedAdapter(adapter, models));
  }
  context->models = std::make_shared<ModelPool>(std::move(pool));
  for (ServedModel& model : models) BANTAM_RETURN_IF_ERROR(context->models->Add(std::move(model)));
  if (on_demand) ++num_generators;  // at least one may come
  BANTAM_RETURN_IF_ERROR(AddAliases(options.aliases, *context));
  if (num_generators > 0) {
    // Requests wait in the engine, which knows whose turn it is, not in front of it: there is a thread for each that is
    // written, each that may wait, and some for those that the engine refuses. They start when there is work for them.
    const size_t each = static_cast<size_t>(options.parallel) + options.server.max_queued;
    const size_t all = static_cast<size_t>(num_generators) * each + kRefusingThreads;
    const size_t threads = std::min(kMostTextThreads, all);
    context->text_workers = std::make_unique<WorkerPool>(static_cast<int>(threads), all - threads);
  }

  std::string names = context->ModelNames();
  if (on_demand) {
    BANTAM_TRY(const std::vector<StoredModel> stored, ListModels());
    names += fmt::format("{}the {} model{} of the store, loaded when asked for", names.empty() ? "" : " and ",
                         stored.size(), stored.size() == 1 ? "" : "s");
  }
  Started started{.address = ListensAt(options.server, server->port()),
                  .names = names,
                  .assistant = {},
                  .budgets = {},
                  .on_demand = on_demand,
                  .opens_in_browser = options.server.unix_socket.empty(),
                  .ready_ms = MillisecondsSince(start)};
  if (const std::shared_ptr<Router> router = context->router()) {
    started.assistant = router->file().name;
    started.budgets = DescribeBudgets(router->policy(), router->file());
  }
  SayStarted(started, log != nullptr);
  std::optional<Upkeep> upkeep;
  if (context->router() != nullptr) upkeep.emplace([&context] { return context->router(); });
  const Status status = server->Run();
  upkeep.reset();
  if (spans != nullptr) spans->Stop(MonotonicNow() + options.server.drain);
  if (log != nullptr) LogEvent(LogLevel::kInfo, "stopped", {{"after_s", MillisecondsSince(start) / 1e3}});
  return status;
}

}  // namespace

Run SetUpServe(CLI::App& app) {
  auto options = std::make_shared<ServeOptions>();
  app.add_option("-c,--config", options->config, "Route file of the assistant")->type_name("FILE");
  app.add_option(
         "--model", options->models,
         "Model to serve, for what it is made for: an encoder embeds, a cross-encoder ranks, a decoder writes text. A "
         "name in the store, a folder or a GGUF file; may be repeated")
      ->type_name("MODEL|DIR|FILE");
  options->dtype.AddTo(app, "Weights of the models");
  app.add_flag("--on-demand", options->on_demand,
               "Load models of the store when a request names them; so it is where neither -c nor --model is given");
  app.add_option("--memory", options->memory_bytes,
                 "Memory for models with their caches full, such as 2G: one that does not fit is refused, or takes the "
                 "place of those that nobody uses; 0 sets no limit")
      ->type_name("SIZE")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(uint64_t{0}, uint64_t{1} << 44))
      ->default_str("0");
  app.add_option("--keep-alive", options->keep_alive,
                 "How long a model that was loaded on demand stays after its last request; -1: for ever")
      ->type_name("TIME")
      ->capture_default_str();
  app.add_option(
         "--lora", options->adapters,
         "LoRA adapter of a --model that writes text: a folder of peft or a GGUF file. With a name it is served "
         "under that, as \"model\" of requests; without, the model itself writes with it. :SCALE makes more or "
         "less of it; may be repeated")
      ->type_name("[NAME=]PATH[:SCALE]");
  app.add_option("--alias", options->aliases,
                 "Another name for what is served, for clients whose model name is fixed; may be repeated")
      ->type_name("NAME=MODEL");
  options->kv_type.AddTo(app);
  app.add_option("--api-keys", options->keys_file,
                 "File of the keys that clients must send ('bantam key new' makes it). "
                 "$BANTAM_API_KEY and $BANTAM_ADMIN_KEY are keys, too")
      ->type_name("FILE");
  AddListenOptions(app, options->server);
  options->log.AddTo(app);
  app.add_option("--otlp", options->otlp,
                 "OpenTelemetry collector that gets a trace of each request, over HTTP in JSON, such as "
                 "http://127.0.0.1:4318. Never a text or a key. The variables OTEL_EXPORTER_OTLP_ENDPOINT and its like "
                 "do the same")
      ->type_name("URL");
  app.add_option(
         "--early-exit", options->early_exit,
         "Share of the assistant's decisions that early exits may change, as N%, or off; default: the route file's")
      ->type_name("N%");
  app.add_option("--threads", options->threads, "Threads of each model; 0 uses what this process may")
      ->capture_default_str()
      ->check(CLI::Range(0, 1024));
  app.add_option("--workers", options->server.num_workers, "Requests answered at once")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
  app.add_option("--max-queue", options->server.max_queued, "Requests that may wait; more get 429")
      ->capture_default_str();
  app.add_option("--max-connections", options->server.max_connections, "Connections at once; more get 503")
      ->capture_default_str()
      ->check(CLI::Range(1, 1 << 20));
  app.add_option("--max-per-address", options->server.max_connections_of_address,
                 "Connections at once from one address (of IPv6 one network), but for this machine's own; more get "
                 "429. 0: no limit, for one behind a proxy")
      ->capture_default_str();
  app.add_option("--embedding-cache", options->embedding_cache_bytes,
                 "Memory for the embeddings of texts seen before, such as 64M; 0 keeps none")
      ->type_name("SIZE")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(uint64_t{0}, uint64_t{1} << 40))
      ->default_str("0");
  app.add_option("--max-body", options->server.max_body_bytes, "Largest request body in bytes")->capture_default_str();
  app.add_option("--timeout", options->timeout_s, "Seconds a request may take")
      ->capture_default_str()
      ->check(CLI::Range(1, 3600));
  app.add_option("--text-timeout", options->text_timeout_s, "Seconds a request may take for which a model writes text")
      ->capture_default_str()
      ->check(CLI::Range(1, 86'400));
  app.add_option(
         "--context", options->context,
         "Tokens in the cache of a model that writes text, of all its texts together and the most that one may have; "
         "by default what the model allows, at most 16384")
      ->check(CLI::Range(32, 1 << 24));
  options->speculation.AddTo(app);
  app.add_option("--parallel", options->parallel, "Texts that a model writes at once; more wait")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
  app.add_option("--drain", options->drain_s, "Seconds that requests get to finish after SIGTERM")
      ->capture_default_str()
      ->check(CLI::Range(0, 3600));
  app.add_option("--drain-delay", options->drain_delay_s,
                 "Seconds after SIGTERM before the port may close, for load balancers that poll /readyz")
      ->capture_default_str()
      ->check(CLI::Range(0, 3600));
  app.footer(
      "SIGTERM finishes what is in flight, then ends. SIGHUP, or POST /v1/reload, reads the route file, models,\n"
      "keys and (SIGHUP alone) the certificate again: the new ones are tried out beside the old ones and take their\n"
      "place between two requests; of what is broken the old one goes on. 'bantam check' says beforehand what a\n"
      "reload would say.\n\n"
      "Examples:\n"
      "  bantam serve                                 (any model of the store, when it is asked for)\n"
      "  bantam serve -c examples/helpdesk/bantam.yaml\n"
      "  bantam serve --model smollm2 --model all-MiniLM-L6-v2 --port 8081\n"
      "  curl http://127.0.0.1:8080/v1/chat/completions -H 'Content-Type: application/json' \\\n"
      "    -d '{\"model\": \"helpdesk\", \"messages\": [{\"role\": \"user\", \"content\": \"where is my refund?\"}]}'");
  return [options] {
    options->server.drain = std::chrono::seconds(options->drain_s);
    options->server.drain_delay = std::chrono::seconds(options->drain_delay_s);
    return Serve(*options);
  };
}

}  // namespace bantam::cli
