// bantam key: keys that clients of a server send, and the one that encrypts an audit log's texts.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>

#include "api/api_keys.h"
#include "base/json.h"
#include "base/random_bytes.h"
#include "base/text_util.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "route/audit_key.h"

namespace bantam::cli {
namespace {

struct NewOptions {
  std::string name, role = "user";
  Path file;
  int requests_per_minute = 0, concurrent = 0;
  bool json = false;
};

// 192 bits that nobody can guess.
Result<std::string> NewSecret() {
  std::array<unsigned char, 24> bytes{};
  BANTAM_RETURN_IF_ERROR(FillRandom(bytes));
  return "bantam-" + HexOf(bytes);
}

Status CheckName(const std::string& name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  };
  const bool letter = !name.empty() && name[0] != '-' && name[0] != '.' && (name[0] < '0' || name[0] > '9');
  if (letter && name.size() <= 64 && std::ranges::all_of(name, plain)) return Ok();
  return Err(ErrorCode::kInvalidArgument,
             "a key's name is up to 64 letters, digits, '-', '_' and '.', and begins with a letter, unlike \"{}\"",
             EscapeForTerminal(name));
}

// Adds the entry to the file, which is made if it is not there, and is right before and after.
Status AddTo(const Path& file, const ApiKey& key) {
  std::string text =
      "# Keys that clients send, by their SHA-256. 'bantam serve --api-keys FILE'; SIGHUP reads it again.\nkeys:\n";
  std::error_code ignored;
  if (std::filesystem::exists(file, ignored)) {
    BANTAM_TRY(const std::vector<ApiKey> keys, ReadApiKeys(file));
    for (const ApiKey& other : keys) {
      if (other.name != key.name) continue;
      return Err(ErrorCode::kConflict, "{} has a key \"{}\" already; remove its entry to replace it",
                 EscapeForTerminal(file.string(), 400), key.name);
    }
    BANTAM_TRY(text, ReadFile(file));
    if (!text.ends_with('\n')) text += '\n';
  }
  return WriteFileAtomic(file, text + ApiKeyEntry(key));
}

Status RunNew(const NewOptions& options) {
  BANTAM_RETURN_IF_ERROR(CheckName(options.name));
  BANTAM_TRY(const std::string secret, NewSecret());
  const ApiKey key{.name = options.name,
                   .sha256 = Sha256Of(secret),
                   .admin = options.role == "admin",
                   .requests_per_minute = options.requests_per_minute,
                   .concurrent = options.concurrent};
  if (!options.file.empty()) BANTAM_RETURN_IF_ERROR(AddTo(options.file, key));
  if (options.json) {
    return Print(ToJson(json::object{
                     {"name", key.name}, {"key", secret}, {"sha256", HexOf(key.sha256)}, {"role", options.role}}) +
                 "\n");
  }
  // The key alone on stdout, for a script that keeps it.
  if (options.file.empty()) {
    std::fprintf(stderr, "This goes into the file that 'bantam serve --api-keys' reads:\n\nkeys:\n%s\n",
                 ApiKeyEntry(key).c_str());
  } else {
    std::fprintf(stderr, "%s has a key \"%s\" (%s).\n", EscapeForTerminal(options.file.string(), 400).c_str(),
                 key.name.c_str(), options.role.c_str());
  }
  std::fprintf(stderr, "The key itself is shown this once; clients send it as \"Authorization: Bearer KEY\":\n");
  std::fflush(stderr);
  return Print(secret + "\n");
}

Status RunAudit(const Path& file) {
  BANTAM_RETURN_IF_ERROR(MakeAuditKey(file));
  std::fprintf(stderr,
               "%s is made; name it in the route file: audit: {content: text, key_file: %s}. Keep a copy elsewhere: "
               "without it nobody can read the texts.\n",
               EscapeForTerminal(file.string(), 400).c_str(), EscapeForTerminal(file.filename().string(), 200).c_str());
  return Ok();
}

}  // namespace

Run SetUpKey(CLI::App& app) {
  // First, because subcommands take over what stands here when they are added.
  app.footer(
      "Of clients' keys only hashes are stored: who reads their file cannot use it.\n\n"
      "Examples:\n"
      "  bantam key new website --file keys.yaml --requests-per-minute 600\n"
      "  bantam serve --api-keys keys.yaml\n"
      "  bantam key audit audit.key             (for audit: {content: text, key_file: audit.key})");
  auto options = std::make_shared<NewOptions>();
  CLI::App* add = app.add_subcommand("new", "Makes a key, and says it once");
  add->add_option("NAME", options->name, "Whose it is, for limits and messages")->required();
  add->add_option("--file", options->file, "The file of keys to add it to; it is made if it is not there")
      ->type_name("FILE");
  add->add_option("--role", options->role, "user, or admin, who may also pull, copy and delete models over HTTP")
      ->check(CLI::IsMember({"user", "admin"}))
      ->capture_default_str();
  add->add_option("--requests-per-minute", options->requests_per_minute, "How often it may ask; 0: no limit")
      ->check(CLI::Range(0, 1'000'000'000))
      ->capture_default_str();
  add->add_option("--concurrent", options->concurrent, "How many of its requests are answered at once; 0: no limit")
      ->check(CLI::Range(0, 1'000'000'000))
      ->capture_default_str();
  add->add_flag("--json", options->json, "The key and its hash as JSON");
  CLI::App* audit = app.add_subcommand("audit", "Makes a key file that encrypts the texts of an audit log");
  audit->add_option("FILE", options->file, "The file to make; one that exists is left alone")->required();
  auto chosen = std::make_shared<Run>();
  add->callback([options, chosen] { *chosen = [options] { return RunNew(*options); }; });
  audit->callback([options, chosen] { *chosen = [options] { return RunAudit(options->file); }; });
  app.require_subcommand(1);
  return [chosen] { return (*chosen)(); };
}

}  // namespace bantam::cli
