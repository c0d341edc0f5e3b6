// A result cache in a Redis that several processes share: string keys "bantam:NAME:a:KEY" for answers and
// "bantam:NAME:q:KEY" for questions that are found by their vectors, both of which Redis itself removes when they are
// too old; a sorted set of when each was used last, by which the oldest go; a stream that tells other processes of new
// questions; a generation that tells them of a flush.
//
// Nothing that comes back is trusted: a value carries its key, its lengths and a checksum, and one that does not fit is
// a bad row. A Redis that answers too late is lost, and so is one that answers nonsense.
#pragma once

#include <atomic>

#include "route/cache_store.h"
#include "route/redis/redis_connection.h"

namespace bantam {

class CacheRedis final : public CacheStore {
 public:
  // `name`: the assistant's. `generation`, when given, is what was known of it before, and is kept up to date: where
  // the Redis has another one now, that is the first news. Errors as RedisConnection::Connect.
  static Result<std::unique_ptr<CacheRedis>> Open(const RedisAddress& address, const std::string& name,
                                                  std::shared_ptr<std::string> generation = nullptr);

  Result<std::optional<Row>> Find(const Sha256Digest& key) override;
  Result<std::vector<Sha256Digest>> Write(const NewEntry& entry, int64_t now_us, const CacheLimits& limits) override;
  Status Touch(const std::vector<Sha256Digest>& keys, int64_t now_us) override;
  Status Remove(const Sha256Digest& key, int64_t created_us) override;
  Result<std::vector<Sha256Digest>> RemoveCreatedBefore(int64_t time_us) override;
  Result<std::vector<Sha256Digest>> RemoveEpoch(const std::string& epoch) override;
  Status Clear() override;
  Status AddToCounters(const std::map<std::string, int64_t>& increments) override;
  Status SetCounters(const std::map<std::string, int64_t>& values) override;
  Result<std::map<std::string, int64_t>> Counters() override;
  Status ReadQuestions(const std::function<void(StoredQuestion)>& visit) override;
  Result<News> TakeNews() override;
  bool Lost(const Error&) const override { return !reading_lives_ || !writer_->open(); }
  int64_t entries() const override { return entries_; }
  int64_t bytes() const override { return 0; }

  // For `bantam cache stats`.
  struct Summary {
    int64_t entries = 0, value_bytes = 0, oldest_us = 0, newest_us = 0, questions = 0;
    std::map<std::string, int64_t> epochs = {};
  };
  Result<Summary> Summarize();

 private:
  CacheRedis(std::unique_ptr<RedisConnection> reader, std::unique_ptr<RedisConnection> writer, const std::string& name,
             std::chrono::milliseconds lookup_timeout, std::shared_ptr<std::string> generation)
      : reader_(std::move(reader)),
        writer_(std::move(writer)),
        lookup_timeout_(lookup_timeout),
        prefix_("bantam:" + name + ":"),
        generation_(std::move(generation)) {}

  struct Head {  // what an answer's bytes begin with; not checked
    std::string key;
    int64_t created_us = 0, size = 0;
    std::string epoch;
    bool has_question = false;
  };
  std::string AnswerKey(std::string_view hex) const { return prefix_ + "a:" + std::string(hex); }
  std::string QuestionKey(std::string_view hex) const { return prefix_ + "q:" + std::string(hex); }
  std::string Key(std::string_view what) const { return prefix_ + std::string(what); }
  Result<std::vector<RedisReply>> Tell(const RedisPipeline& commands);  // by the writer; a refusal is an error
  Status Start();
  Status NewGeneration();
  Status RemoveAll(const std::vector<std::string>& hex_keys);
  Status ForEachKey(const std::function<Status(const std::vector<std::string>& hex_keys)>& visit);
  Status ForEachHead(const std::function<Status(const std::vector<Head>& heads)>& visit);
  Result<std::vector<StoredQuestion>> QuestionsOf(const std::vector<std::string>& hex_keys);

  const std::unique_ptr<RedisConnection> reader_, writer_;
  const std::chrono::milliseconds lookup_timeout_;
  std::atomic<bool> reading_lives_ = true;
  const std::string prefix_;
  const std::shared_ptr<std::string> generation_;  // the writer's, as all behind it
  bool removed_ = false;                           // news that has not been taken yet
  std::string last_news_ = "0-0";
  std::atomic<int64_t> entries_ = 0;
};

// Where a cache's Redis is.
class CacheServer final : public CachePlace {
 public:
  CacheServer(RedisAddress address, std::string name) : address_(std::move(address)), name_(std::move(name)) {}
  Result<std::unique_ptr<CacheStore>> Open() override;
  std::string name() const override { return address_.shown; }
  // Nobody waits for it: an answer that finds no place among those on their way stays in memory only.
  size_t most_waiting() const override { return 256; }
  std::chrono::milliseconds store_wait() const override { return std::chrono::milliseconds(0); }
  std::chrono::milliseconds first_retry() const override { return std::chrono::milliseconds(250); }

 private:
  const RedisAddress address_;
  const std::string name_;
  const std::shared_ptr<std::string> generation_ = std::make_shared<std::string>();
};

}  // namespace bantam
