#include "api/reload.h"

#include "base/log.h"
#include "base/text_util.h"

namespace bantam {
namespace {

ReloadedPart ReloadKeys(ApiContext& context) {
  ReloadedPart part{.kind = "keys", .name = {}};
  auto keys = context.read_keys();
  if (!keys) {
    Log(LogLevel::kError, "the keys stay as they were: {}", keys.error().message);
    part.error = std::move(keys).error();
    return part;
  }
  Log(LogLevel::kInfo, "the file of keys was read again: {} keys", keys->size());
  part.what = fmt::format("{} keys", keys->size());
  part.changed = true;
  context.keys->Replace(*std::move(keys));
  return part;
}

ReloadedPart ReloadModel(ApiContext& context, const std::string& name) {
  ReloadedPart part{.kind = "model", .name = name};
  const Result<bool> changed = context.models->Refresh(name);
  if (!changed) {
    Log(LogLevel::kError, "{} stays as it was: {}", name, changed.error().message);
    part.error = changed.error();
  } else {
    part.changed = *changed;
  }
  return part;
}

// One line for each mistake, as the route file's errors are.
void LogRefusal(const Path& route_file, std::string_view message) {
  Log(LogLevel::kError,
      "{} is not served, the assistant stays as it was:", EscapeForTerminal(route_file.string(), 400));
  while (!message.empty()) {
    const size_t end = std::min(message.find('\n'), message.size());
    Log(LogLevel::kError, "{}", message.substr(0, end));
    message.remove_prefix(std::min(end + 1, message.size()));
  }
}

// Under its own name, in the place of the one before; one that --model names, too, stays.
void ServeEncoder(ApiContext& context, const Assistant& before, const Assistant& next) {
  const std::string& name = before.encoder->model_name();
  const ServedModelPtr served = context.models->Find(name);
  const bool only_ours = served != nullptr && served->path.empty();
  context.models->Replace(only_ours ? name : "", EncoderOf(next));
}

ReloadedPart ReloadAssistant(ApiContext& context) {
  const Assistant before = context.assistant.Get();
  ReloadedPart part{.kind = "assistant", .name = before.router->file().name};
  const auto fits = [&](const ModelFolder& model, WeightType type) {
    return context.models->MakeRoom(model.name, EstimateMemory(model, type, {}));
  };
  auto next = LoadAssistant(context.assistant_options, before, fits, {});
  if (!next) {
    LogRefusal(context.assistant_options.route_file, next.error().message);
    part.error = std::move(next).error();
    return part;
  }
  part.changed = next->router != before.router;
  if (!part.changed) return part;
  const size_t tests = next->router->file().tests.size();
  part.what = tests == 0 ? "a decision succeeded" : fmt::format("{} tests passed", tests);
  if (next->encoder != before.encoder) ServeEncoder(context, before, *next);
  context.assistant.Replace(*std::move(next));
  return part;
}

}  // namespace

const Error* ReloadReport::first_error() const {
  for (const ReloadedPart& part : parts) {
    if (part.error) return &*part.error;
  }
  return nullptr;
}

ReloadReport Reload(ApiContext& context) {
  const MonotonicTime start = MonotonicNow();
  ReloadReport report;
  if (context.read_keys) report.parts.push_back(ReloadKeys(context));
  for (const ServedModelPtr& model : context.models->List()) {
    // The assistant's encoder comes with the assistant.
    if (!model->path.empty()) report.parts.push_back(ReloadModel(context, model->name));
  }
  if (context.router() != nullptr) report.parts.push_back(ReloadAssistant(context));
  report.milliseconds = MillisecondsSince(start);
  const bool failed = report.first_error() != nullptr;
  context.metrics.CountReload(failed ? "failed" : "ok");
  std::string changed;
  for (const ReloadedPart& part : report.parts) {
    if (!part.changed || part.kind == "keys") continue;
    changed += fmt::format("{}{}{}", changed.empty() ? "" : ", ", part.name, part.what.empty() ? "" : ": " + part.what);
  }
  if (!failed) {
    Log(LogLevel::kInfo, "reloaded in {:.0f} ms: {}", report.milliseconds,
        changed.empty() ? "no model and no route file has changed" : changed);
  }
  return report;
}

}  // namespace bantam
