#include "route/redis/cache_redis.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <random>

#include "base/text_util.h"
#include "route/redis/cache_rows.h"

namespace bantam {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kConnect{500};
constexpr milliseconds kTell{500};     // nobody waits for these
constexpr size_t kBatch = 500;         // keys in one round trip
constexpr int kMostBatchesOfNews = 4;  // in one go; the others are read the next time

std::string RandomWord() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

int64_t IntegerOf(const RedisReply& reply) { return reply.kind == RedisReply::kInteger ? reply.integer : 0; }

std::vector<std::string> TextsOf(RedisReply&& reply) {
  std::vector<std::string> texts;
  for (RedisReply& element : reply.elements) {
    if (element.kind == RedisReply::kText) texts.push_back(std::move(element.text));
  }
  return texts;
}

}  // namespace

Result<std::unique_ptr<CacheRedis>> CacheRedis::Open(const RedisAddress& address, const std::string& name,
                                                     std::shared_ptr<std::string> generation) {
  if (generation == nullptr) generation = std::make_shared<std::string>();
  BANTAM_TRY(auto writer, RedisConnection::Connect(address, kConnect));
  BANTAM_TRY(auto reader, RedisConnection::Connect(address, kConnect));
  std::unique_ptr<CacheRedis> store(
      new CacheRedis(std::move(reader), std::move(writer), name, address.lookup_timeout, std::move(generation)));
  BANTAM_RETURN_IF_ERROR(store->Start());
  return store;
}

// A replica has no generation until its primary has: that is no reason not to read from it.
Status CacheRedis::Start() {
  RedisPipeline commands;
  commands.Add({"SET", Key("generation"), RandomWord(), "NX"}).Add({"GET", Key("generation")});
  commands.Add({"XREVRANGE", Key("news"), "+", "-", "COUNT", "1"}).Add({"ZCARD", Key("used")});
  BANTAM_TRY(std::vector<RedisReply> replies, writer_->Ask(commands, kTell));
  for (size_t i = 1; i < replies.size(); ++i) {
    if (replies[i].kind == RedisReply::kError)
      return Err(ErrorCode::kUnavailable, "{} {}", writer_->shown(), RedisRefusal(replies[i]));
  }
  removed_ = !generation_->empty() && *generation_ != replies[1].text;
  *generation_ = replies[1].text;
  if (!replies[2].elements.empty() && !replies[2].elements[0].elements.empty())
    last_news_ = replies[2].elements[0].elements[0].text;
  entries_ = IntegerOf(replies[3]);
  return Ok();
}

Result<std::vector<RedisReply>> CacheRedis::Tell(const RedisPipeline& commands) {
  BANTAM_TRY(std::vector<RedisReply> replies, writer_->Ask(commands, kTell));
  for (const RedisReply& reply : replies) {
    if (reply.kind == RedisReply::kError)
      return Err(ErrorCode::kUnavailable, "{} {}", writer_->shown(), RedisRefusal(reply));
  }
  return replies;
}

Result<std::optional<CacheStore::Row>> CacheRedis::Find(const Sha256Digest& key) {
  const auto replies = reader_->Ask(RedisPipeline().Add({"GET", AnswerKey(HexOf(key))}), lookup_timeout_);
  if (!replies) {
    reading_lives_ = false;
    return replies.error();
  }
  const RedisReply& reply = replies->front();
  if (reply.kind == RedisReply::kNull) return std::optional<Row>();
  if (reply.kind == RedisReply::kError && !reply.text.starts_with("WRONGTYPE"))
    return Err(ErrorCode::kUnavailable, "{} {}", reader_->shown(), RedisRefusal(reply));
  std::optional<AnswerRow> row;
  if (reply.kind == RedisReply::kText) row = UnpackAnswer(key, reply.text);
  if (!row) return Row{.value = {}, .bad = true};
  // When it was used last is not asked for; touching it once more often does no harm.
  return Row{std::move(row->value), row->created_us, row->created_us};
}

Result<std::vector<Sha256Digest>> CacheRedis::Write(const NewEntry& entry, int64_t now_us, const CacheLimits& limits) {
  const std::string hex = HexOf(entry.key);
  const std::string ttl = std::to_string(std::chrono::ceil<milliseconds>(limits.ttl).count());
  RedisPipeline commands;
  // Known before it is there, so that nothing lies there unknown.
  commands.Add({"ZADD", Key("used"), std::to_string(now_us), hex});
  commands.Add({"SET", AnswerKey(hex),
                PackAnswer(entry.key, {now_us, std::string(entry.epoch), std::string(entry.value)}), "PX", ttl});
  if (entry.question != nullptr) {
    commands.Add({"SET", QuestionKey(hex), PackQuestion(*entry.question), "PX", ttl});
    commands.Add({"XADD", Key("news"), "MAXLEN", "~", std::to_string(limits.max_entries), "*", "k", hex});
    commands.Add({"PEXPIRE", Key("news"), ttl});
  } else {
    commands.Add({"UNLINK", QuestionKey(hex)});
  }
  // After the last write everything goes by itself.
  commands.Add({"PEXPIRE", Key("used"), ttl}).Add({"ZCARD", Key("used")});
  BANTAM_TRY(const std::vector<RedisReply> replies, Tell(commands));
  int64_t entries = IntegerOf(replies.back());
  std::vector<Sha256Digest> evicted;
  while (entries > static_cast<int64_t>(limits.max_entries)) {
    const auto many = std::min<int64_t>(entries - static_cast<int64_t>(limits.max_entries), kBatch);
    BANTAM_TRY(std::vector<RedisReply> oldest,
               Tell(RedisPipeline().Add({"ZRANGE", Key("used"), "0", std::to_string(many - 1)})));
    const std::vector<std::string> keys = TextsOf(std::move(oldest[0]));
    if (keys.empty()) break;
    BANTAM_RETURN_IF_ERROR(RemoveAll(keys));
    for (const std::string& gone : keys) {
      if (const auto digest = DigestOfHex(gone)) evicted.push_back(*digest);
    }
    entries -= static_cast<int64_t>(keys.size());
  }
  entries_ = entries;
  return evicted;
}

Status CacheRedis::Touch(const std::vector<Sha256Digest>& keys, int64_t now_us) {
  RedisPipeline commands;
  for (const Sha256Digest& key : keys) commands.Add({"ZADD", Key("used"), "XX", std::to_string(now_us), HexOf(key)});
  BANTAM_TRY(const auto replies, Tell(commands));
  return Ok();
}

// Another process may have stored it anew meanwhile: that costs a miss.
Status CacheRedis::Remove(const Sha256Digest& key, int64_t) { return RemoveAll({HexOf(key)}); }

// The known ones last, for the same reason.
Status CacheRedis::RemoveAll(const std::vector<std::string>& hex_keys) {
  RedisPipeline commands;
  for (const std::string& hex : hex_keys) commands.Add({"UNLINK", AnswerKey(hex), QuestionKey(hex)});
  for (const std::string& hex : hex_keys) commands.Add({"ZREM", Key("used"), hex});
  BANTAM_TRY(const auto replies, Tell(commands));
  return Ok();
}

// Redis has removed the answers; what is left is to forget that they were there.
Result<std::vector<Sha256Digest>> CacheRedis::RemoveCreatedBefore(int64_t) {
  std::vector<Sha256Digest> gone;
  const Status done = ForEachKey([&](const std::vector<std::string>& keys) -> Status {
    RedisPipeline commands;
    for (const std::string& hex : keys) commands.Add({"EXISTS", AnswerKey(hex)});
    BANTAM_TRY(const auto replies, Tell(commands));
    std::vector<std::string> missing;
    for (size_t i = 0; i < keys.size(); ++i) {
      if (IntegerOf(replies[i]) != 0) continue;
      missing.push_back(keys[i]);
      if (const auto digest = DigestOfHex(keys[i])) gone.push_back(*digest);
    }
    return missing.empty() ? Ok() : RemoveAll(missing);
  });
  if (!done) return done.error();
  return gone;
}

Result<std::vector<Sha256Digest>> CacheRedis::RemoveEpoch(const std::string& epoch) {
  std::vector<Sha256Digest> gone;
  const Status done = ForEachHead([&](const std::vector<Head>& heads) -> Status {
    std::vector<std::string> keys;
    for (const Head& head : heads) {
      if (head.epoch != epoch) continue;
      keys.push_back(head.key);
      if (const auto digest = DigestOfHex(head.key)) gone.push_back(*digest);
    }
    return keys.empty() ? Ok() : RemoveAll(keys);
  });
  if (!done) return done.error();
  BANTAM_RETURN_IF_ERROR(NewGeneration());
  return gone;
}

Status CacheRedis::Clear() {
  BANTAM_RETURN_IF_ERROR(ForEachKey([&](const std::vector<std::string>& keys) { return RemoveAll(keys); }));
  BANTAM_TRY(const auto replies, Tell(RedisPipeline().Add({"UNLINK", Key("used"), Key("news")})));
  last_news_ = "0-0";
  entries_ = 0;
  return NewGeneration();
}

Status CacheRedis::NewGeneration() {
  const std::string generation = RandomWord();
  BANTAM_TRY(const auto replies, Tell(RedisPipeline().Add({"SET", Key("generation"), generation})));
  *generation_ = generation;
  return Ok();
}

Status CacheRedis::AddToCounters(const std::map<std::string, int64_t>& increments) {
  RedisPipeline commands;
  for (const auto& [name, increment] : increments)
    commands.Add({"HINCRBY", Key("counters"), name, std::to_string(increment)});
  BANTAM_TRY(const auto replies, Tell(commands));
  return Ok();
}

Status CacheRedis::SetCounters(const std::map<std::string, int64_t>& values) {
  RedisPipeline commands;
  for (const auto& [name, value] : values) commands.Add({"HSET", Key("counters"), name, std::to_string(value)});
  BANTAM_TRY(const auto replies, Tell(commands));
  return Ok();
}

Result<std::map<std::string, int64_t>> CacheRedis::Counters() {
  BANTAM_TRY(std::vector<RedisReply> replies, Tell(RedisPipeline().Add({"HGETALL", Key("counters")})));
  const std::vector<std::string> texts = TextsOf(std::move(replies[0]));
  std::map<std::string, int64_t> counters;
  for (size_t i = 0; i + 1 < texts.size(); i += 2) {
    int64_t value = 0;
    const char* const end = texts[i + 1].data() + texts[i + 1].size();
    if (std::from_chars(texts[i + 1].data(), end, value).ptr == end) counters[texts[i]] = value;
  }
  return counters;
}

// In batches of the set's own order, by Redis's cursor: what is there all the time is visited once at least.
Status CacheRedis::ForEachKey(const std::function<Status(const std::vector<std::string>& hex_keys)>& visit) {
  std::string cursor = "0";
  // A server that never ends its cursor is one that lies.
  for (int rounds = 0; rounds < 1'000'000; ++rounds) {
    BANTAM_TRY(std::vector<RedisReply> replies,
               Tell(RedisPipeline().Add({"ZSCAN", Key("used"), cursor, "COUNT", std::to_string(kBatch)})));
    RedisReply& reply = replies[0];
    if (reply.elements.size() != 2) break;
    cursor = reply.elements[0].text;
    const std::vector<std::string> members = TextsOf(std::move(reply.elements[1]));
    std::vector<std::string> keys;
    for (size_t i = 0; i + 1 < members.size(); i += 2) keys.push_back(members[i]);
    if (!keys.empty()) BANTAM_RETURN_IF_ERROR(visit(keys));
    if (cursor == "0") return Ok();
  }
  return Err(ErrorCode::kCorrupt, "{} does not answer ZSCAN as a Redis does", writer_->shown());
}

Status CacheRedis::ForEachHead(const std::function<Status(const std::vector<Head>& heads)>& visit) {
  const std::string last = std::to_string(kAnswerHead - 1);
  return ForEachKey([&](const std::vector<std::string>& keys) -> Status {
    RedisPipeline commands;
    for (const std::string& hex : keys) {
      commands.Add({"GETRANGE", AnswerKey(hex), "0", last}).Add({"STRLEN", AnswerKey(hex)});
      commands.Add({"EXISTS", QuestionKey(hex)});
    }
    BANTAM_TRY(const auto replies, Tell(commands));
    std::vector<Head> heads;
    for (size_t i = 0; i < keys.size(); ++i) {
      const auto answer = PeekAnswer(replies[3 * i].text);
      if (!answer) continue;
      heads.push_back({keys[i], answer->created_us, IntegerOf(replies[3 * i + 1]), answer->epoch,
                       IntegerOf(replies[3 * i + 2]) != 0});
    }
    return visit(heads);
  });
}

Result<std::vector<StoredQuestion>> CacheRedis::QuestionsOf(const std::vector<std::string>& hex_keys) {
  RedisPipeline commands;
  for (const std::string& hex : hex_keys) commands.Add({"GET", QuestionKey(hex)});
  std::vector<StoredQuestion> questions;
  if (hex_keys.empty()) return questions;
  BANTAM_TRY(const auto replies, Tell(commands));
  for (size_t i = 0; i < hex_keys.size(); ++i) {
    const auto key = DigestOfHex(hex_keys[i]);
    if (!key || replies[i].kind != RedisReply::kText) continue;
    if (auto question = UnpackQuestion(*key, replies[i].text)) questions.push_back(*std::move(question));
  }
  return questions;
}

Status CacheRedis::ReadQuestions(const std::function<void(StoredQuestion)>& visit) {
  return ForEachKey([&](const std::vector<std::string>& keys) -> Status {
    BANTAM_TRY(std::vector<StoredQuestion> questions, QuestionsOf(keys));
    for (StoredQuestion& question : questions) visit(std::move(question));
    return Ok();
  });
}

Result<CacheStore::News> CacheRedis::TakeNews() {
  BANTAM_TRY(std::vector<RedisReply> state,
             Tell(RedisPipeline().Add({"GET", Key("generation")}).Add({"ZCARD", Key("used")})));
  News news{.removed = std::exchange(removed_, false)};
  entries_ = IntegerOf(state[1]);
  if (state[0].kind != RedisReply::kText) {
    // It has lost everything, flushes among it.
    news.removed = true;
    last_news_ = "0-0";
    BANTAM_RETURN_IF_ERROR(NewGeneration());
  } else if (state[0].text != *generation_) {
    news.removed = true;
    *generation_ = state[0].text;
  }
  for (int round = 0; round < kMostBatchesOfNews; ++round) {
    BANTAM_TRY(
        std::vector<RedisReply> replies,
        Tell(RedisPipeline().Add({"XRANGE", Key("news"), "(" + last_news_, "+", "COUNT", std::to_string(kBatch)})));
    std::vector<std::string> keys;
    for (RedisReply& element : replies[0].elements) {  // [id, ["k", KEY]]
      if (element.elements.size() != 2 || element.elements[1].elements.size() != 2) continue;
      last_news_ = std::move(element.elements[0].text);
      keys.push_back(std::move(element.elements[1].elements[1].text));
    }
    BANTAM_TRY(std::vector<StoredQuestion> questions, QuestionsOf(keys));
    std::move(questions.begin(), questions.end(), std::back_inserter(news.questions));
    if (keys.size() < kBatch) break;
  }
  BANTAM_TRY(news.counters, Counters());
  return news;
}

Result<CacheRedis::Summary> CacheRedis::Summarize() {
  Summary summary;
  const size_t around = PackAnswer({}, {}).size();
  const Status done = ForEachHead([&](const std::vector<Head>& heads) -> Status {
    for (const Head& head : heads) {
      ++summary.entries;
      summary.value_bytes += head.size - static_cast<int64_t>(around + head.epoch.size());
      summary.oldest_us = summary.oldest_us == 0 ? head.created_us : std::min(summary.oldest_us, head.created_us);
      summary.newest_us = std::max(summary.newest_us, head.created_us);
      summary.questions += head.has_question;
      ++summary.epochs[head.epoch];
    }
    return Ok();
  });
  if (!done) return done.error();
  return summary;
}

Result<std::unique_ptr<CacheStore>> CacheServer::Open() {
  BANTAM_TRY(std::unique_ptr<CacheRedis> store, CacheRedis::Open(address_, name_, generation_));
  return std::unique_ptr<CacheStore>(std::move(store));
}

}  // namespace bantam
