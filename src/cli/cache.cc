// bantam cache stats|check-pairs|flush: the stored answers of an assistant.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "base/clock.h"
#include "base/json.h"
#include "base/text_util.h"
#include "cli/assistant_option.h"
#include "cli/cache_commands.h"
#include "cli/commands.h"
#include "route/audit_format.h"
#include "route/cache_admin.h"
#include "route/route_file.h"
#include "route/state_folder.h"

namespace bantam::cli {
namespace {

struct Options {
  AssistantOption assistant;
  std::string epoch;  // flush
  bool json = false;
};

// Where an assistant's answers are: a file of its state folder, or a Redis.
struct Place {
  Path file;
  std::optional<RedisAddress> server;
  std::string assistant;  // with a server
  std::string Name() const { return server ? server->shown : EscapeForTerminal(file.string(), 400); }
};

Result<Place> FindPlace(const AssistantOption& option) {
  Place place;
  if (!option.config.empty()) {
    BANTAM_TRY(RouteFile file, LoadRouteFile(option.config));
    if (file.cache_in_memory) {
      return Err(ErrorCode::kBadConfig, "{}: the environment variable of the cache's \"url\" is not set",
                 EscapeForTerminal(option.config, 400));
    }
    if (file.cache_server) return Place{{}, *std::move(file.cache_server), file.name};
  }
  BANTAM_TRY(const Path folder, FindStateFolder(option));
  return Place{StateFiles(folder).cache, {}, {}};
}

Status Stats(const Options& options) {
  BANTAM_TRY(const Place place, FindPlace(options.assistant));
  BANTAM_TRY(const CacheFileInfo info,
             place.server ? InspectCache(*place.server, place.assistant) : InspectCache(place.file));
  const int64_t lookups = info.hits + info.misses;
  const double rate = lookups == 0 ? 0 : static_cast<double>(info.hits) / static_cast<double>(lookups);
  const WrongHitEstimate& wrong = info.wrong_hits;
  if (options.json) {
    json::object epochs;
    for (const auto& [epoch, entries] : info.epochs) epochs[epoch] = entries;
    const auto time = [](int64_t time_us) { return time_us == 0 ? json::value() : json::value(FormatTime(time_us)); };
    std::printf("%s\n", ToJson(json::object{{"entries", info.entries},
                                            {"value_bytes", info.value_bytes},
                                            {"file_bytes", info.file_bytes},
                                            {"oldest", time(info.oldest_us)},
                                            {"newest", time(info.newest_us)},
                                            {"hits", info.hits},
                                            {"misses", info.misses},
                                            {"hit_rate", rate},
                                            {"stores", info.stores},
                                            {"evictions", info.evictions},
                                            {"expired", info.expired},
                                            {"epochs", std::move(epochs)},
                                            {"semantic",
                                             {{"questions", info.questions},
                                              {"audited", wrong.audited},
                                              {"wrong", wrong.wrong},
                                              {"wrong_hit_rate_low", wrong.interval.low},
                                              {"wrong_hit_rate_high", wrong.interval.high}}}})
                            .c_str());
    return Ok();
  }
  std::printf("%s\n", place.Name().c_str());
  const std::string in_file = place.server ? "" : " in a file of " + HumanBytes(static_cast<uint64_t>(info.file_bytes));
  std::printf("  %lld answers of %s%s\n", static_cast<long long>(info.entries),
              HumanBytes(static_cast<uint64_t>(info.value_bytes)).c_str(), in_file.c_str());
  if (info.entries > 0) {
    std::printf("  oldest %s, newest %s\n", FormatTime(info.oldest_us).substr(0, 19).c_str(),
                FormatTime(info.newest_us).substr(0, 19).c_str());
  }
  std::printf("  %lld look-ups, %lld hits (%.1f %%); %lld stored, %lld evicted, %lld expired\n",
              static_cast<long long>(lookups), static_cast<long long>(info.hits), 100 * rate,
              static_cast<long long>(info.stores), static_cast<long long>(info.evictions),
              static_cast<long long>(info.expired));
  for (const auto& [epoch, entries] : info.epochs) {
    if (!epoch.empty())
      std::printf("  %lld of the epoch \"%s\"\n", static_cast<long long>(entries),
                  EscapeForTerminal(epoch, 80).c_str());
  }
  if (info.questions == 0 && wrong.audited == 0) return Ok();
  std::printf("  %lld questions are found by other words as well\n", static_cast<long long>(info.questions));
  if (wrong.audited == 0) {
    std::printf("  no such hit has been asked again yet, so that nothing is known of wrong ones\n");
  } else {
    std::printf("  of %lld such hits that were asked again %lld were wrong: %.2f to %.2f %%, with 95 %% certainty\n",
                static_cast<long long>(wrong.audited), static_cast<long long>(wrong.wrong), 100 * wrong.interval.low,
                100 * wrong.interval.high);
  }
  return Ok();
}

std::optional<std::string> EpochOf(const Options& options) {
  return options.epoch.empty() ? std::nullopt : std::optional(options.epoch);
}

Status Flush(const Options& options) {
  BANTAM_TRY(const Place place, FindPlace(options.assistant));
  CacheFlush flush;
  if (place.server) {
    BANTAM_RETURN_IF_ERROR(FlushCache(*place.server, place.assistant, EpochOf(options)));
  } else {
    BANTAM_TRY(flush, FlushCache(place.file, std::chrono::seconds(10), EpochOf(options)));
  }
  if (options.json) {
    std::printf("%s\n", ToJson(json::object{{"flushed", true}, {"by_process", flush.by_process}}).c_str());
  } else if (flush.by_process != 0) {
    std::printf("flushed, by the running server (process %d)\n", flush.by_process);
  } else {
    std::printf("flushed\n");
  }
  return Ok();
}

}  // namespace

Run SetUpCache(CLI::App& app) {
  auto options = std::make_shared<Options>();
  auto chosen = std::make_shared<Run>();
  // First, because subcommands take over what stands here when they are added.
  app.footer(
      "Examples:\n"
      "  bantam cache stats -c examples/helpdesk/bantam.yaml\n"
      "  bantam cache check-pairs\n"
      "  bantam cache flush --assistant helpdesk");
  const auto add = [&](const char* name, const char* summary, Status (*run)(const Options&)) {
    CLI::App* sub = app.add_subcommand(name, summary);
    AddAssistantOption(*sub, options->assistant);
    sub->add_flag("--json", options->json, "One JSON object");
    sub->callback([options, chosen, run] { *chosen = [options, run] { return run(*options); }; });
    return sub;
  };
  add("stats", "How much is stored, and how often it was of use", Stats);
  add("flush", "Forget stored answers; a running server does it within a second", Flush)
      ->add_option("--epoch", options->epoch, "Only those that were stored under this cache_epoch; default: all")
      ->type_name("EPOCH");
  AddCachePairs(app, chosen);
  app.require_subcommand(1);
  return [chosen] { return (*chosen)(); };
}

}  // namespace bantam::cli
