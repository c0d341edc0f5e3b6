// One request and its answer over one libcurl handle. Private to net/.
#pragma once

#include <array>
#include <optional>

#include "net/curl_api.h"
#include "net/http_client.h"

namespace bantam {

// An easy handle and the multi handle that drives it. The multi handle owns the kept connections. One thread at a time.
struct CurlSlot {
  CURLM* multi = nullptr;
  CURL* easy = nullptr;
};

class HttpExchange {
 public:
  HttpExchange(const CurlApi& curl, CurlSlot slot, const OutgoingRequest& request, std::string origin,
               const HttpCallbacks& callbacks, std::stop_token stop);
  ~HttpExchange();
  HttpExchange(const HttpExchange&) = delete;
  HttpExchange& operator=(const HttpExchange&) = delete;

  Result<IncomingResponse> Run();

 private:
  struct Timer {
    MonotonicTime at;
    const char* what;
  };
  static size_t HeaderEntry(char* data, size_t size, size_t count, void* self);
  static size_t BodyEntry(char* data, size_t size, size_t count, void* self);
  bool OnHeader(std::string_view line);
  bool OnBody(std::string_view piece);
  template <typename Value>
  void Set(CURLoption option, Value value);
  void SetUp();
  void SetHeaders();
  Timer NextTimer() const;
  std::optional<CURLcode> Finished();
  Error Stopped() const;
  Error Failure(CURLcode code) const;

  const CurlApi& curl_;
  const CurlSlot slot_;
  const OutgoingRequest& request_;
  const std::string origin_;
  const HttpCallbacks& callbacks_;
  const std::stop_token stop_;

  const MonotonicTime start_ = MonotonicNow();
  MonotonicTime last_piece_ = start_;
  IncomingResponse response_;
  size_t header_bytes_ = 0, body_bytes_ = 0, dropped_bytes_ = 0;
  bool head_done_ = false;
  std::optional<MonotonicTime> enough_since_;  // on_body returned false
  std::optional<Error> refusal_;               // why a callback of ours ended the exchange
  CURLcode set_up_ = CURLE_OK;
  curl_slist* header_list_ = nullptr;
  std::array<char, CURL_ERROR_SIZE> reason_{};
};

}  // namespace bantam
