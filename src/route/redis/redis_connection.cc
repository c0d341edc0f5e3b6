#include "route/redis/redis_connection.h"

#include <array>
#include <utility>

#include "base/text_util.h"

namespace bantam {
namespace {

using std::chrono::milliseconds;

constexpr std::pair<std::string_view, std::string_view> kRefusals[] = {
    {"OOM", "is out of memory (its maxmemory is reached and nothing may be evicted)"},
    {"READONLY", "is a read-only replica: name the primary"},
    {"NOAUTH", "wants a password"},
    {"WRONGPASS", "refused the user name or password"},
    {"NOPERM", "does not allow this user what the cache needs"},
    {"LOADING", "is still loading its data"},
    {"MASTERDOWN", "is a replica that has lost its primary"},
    {"MISCONF", "cannot write its snapshots, and takes no changes until it can"},
    {"MOVED", "is one node of a cluster, which the cache does not speak to"},
    {"CROSSSLOT", "is one node of a cluster, which the cache does not speak to"},
    {"BUSY", "is busy with a script"}};

// The error code that begins the text, if that is what it begins with.
std::string_view CodeOf(const RedisReply& error) {
  const std::string_view code = std::string_view(error.text).substr(0, error.text.find(' '));
  const bool good = !code.empty() && code.size() <= 20 &&
                    code.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ") == std::string_view::npos;
  return good ? code : "no code";
}

}  // namespace

std::string RedisRefusal(const RedisReply& error) {
  const std::string_view code = CodeOf(error);
  for (const auto& [known, meaning] : kRefusals) {
    if (code == known) return fmt::format("{} ({})", meaning, code);
  }
  return fmt::format("refuses a command ({})", code);
}

Result<std::unique_ptr<RedisConnection>> RedisConnection::Connect(const RedisAddress& address, milliseconds timeout) {
  const MonotonicTime deadline = MonotonicNow() + timeout;
  auto stream = ByteStream::Connect(address.stream, timeout);
  if (!stream) return stream.error();
  std::unique_ptr<RedisConnection> connection(new RedisConnection(*std::move(stream), address.shown));
  const auto left = std::chrono::duration_cast<milliseconds>(deadline - MonotonicNow());
  BANTAM_RETURN_IF_ERROR(connection->SignIn(address, std::max(left, milliseconds(1))));
  return connection;
}

Status RedisConnection::SignIn(const RedisAddress& address, milliseconds timeout) {
  RedisPipeline commands;
  const bool password = !address.password.empty();
  if (password && address.user.empty()) commands.Add({"AUTH", address.password});
  if (password && !address.user.empty()) commands.Add({"AUTH", address.user, address.password});
  commands.Add({"SELECT", std::to_string(address.database)});
  commands.Add({"PING"});
  BANTAM_TRY(const std::vector<RedisReply> replies, Ask(commands, timeout));
  for (size_t i = 0; i < replies.size(); ++i) {
    if (replies[i].kind == RedisReply::kError) {
      const bool sign_in = (password && i == 0) || replies[i].text.starts_with("NOAUTH");
      return Err(sign_in ? ErrorCode::kForbidden : ErrorCode::kUnavailable, "{} {}", shown_, RedisRefusal(replies[i]));
    }
  }
  if (!replies.back().IsStatus("PONG")) return Err(ErrorCode::kCorrupt, "{} is not a Redis", shown_);
  return Ok();
}

Result<std::vector<RedisReply>> RedisConnection::Ask(const RedisPipeline& commands, milliseconds timeout) {
  if (!open()) return Err(ErrorCode::kUnavailable, "the connection to {} is closed", shown_);
  auto replies = Exchange(commands, MonotonicNow() + timeout);
  if (!replies) {
    stream_.reset();
    return Err(replies.error().code, "{}: {}", shown_, replies.error().message);
  }
  return replies;
}

Result<std::vector<RedisReply>> RedisConnection::Exchange(const RedisPipeline& commands, MonotonicTime deadline) {
  std::array<char, 16384> buffer;
  BANTAM_TRY(const size_t unasked, stream_->ReceiveWhatIsThere(buffer));
  if (unasked > 0 || !reader_.empty()) return Err(ErrorCode::kCorrupt, "it sent something that it was not asked for");
  BANTAM_RETURN_IF_ERROR(stream_->Send(commands.bytes(), deadline));
  std::vector<RedisReply> replies;
  while (replies.size() < commands.size()) {
    BANTAM_TRY(std::optional<RedisReply> reply, reader_.Next());
    if (reply) {
      replies.push_back(*std::move(reply));
      continue;
    }
    BANTAM_TRY(const size_t got, stream_->Receive(buffer, deadline));
    reader_.Feed({buffer.data(), got});
  }
  if (!reader_.empty()) return Err(ErrorCode::kCorrupt, "it sent more than it was asked for");
  return replies;
}

}  // namespace bantam
