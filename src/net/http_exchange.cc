#include "net/http_exchange.h"

#include <algorithm>
#include <type_traits>

#include "base/text_util.h"

namespace bantam {
namespace {

using std::chrono::milliseconds;

constexpr size_t kMaxHeaderBytes = size_t{256} << 10;
constexpr milliseconds kLinger{50};  // for the end of a body whose reader has had enough
constexpr size_t kMaxLingerBytes = size_t{64} << 10;

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

std::string_view Trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

// libcurl reads 0 as "its default" (300 s to connect).
long AtLeastOne(milliseconds time) { return static_cast<long>(std::max<milliseconds::rep>(1, time.count())); }

}  // namespace

HttpExchange::HttpExchange(const CurlApi& curl, CurlSlot slot, const OutgoingRequest& request, std::string origin,
                           const HttpCallbacks& callbacks, std::stop_token stop)
    : curl_(curl),
      slot_(slot),
      request_(request),
      origin_(std::move(origin)),
      callbacks_(callbacks),
      stop_(std::move(stop)) {}

HttpExchange::~HttpExchange() {
  if (callbacks_.reached != nullptr) {
    curl_off_t sending_after = 0;  // microseconds; 0: there was no connection to send on
    curl_.curl_easy_getinfo(slot_.easy, CURLINFO_PRETRANSFER_TIME_T, &sending_after);
    *callbacks_.reached = sending_after > 0;
  }
  // Taking out an unfinished transfer closes its connection; a finished one's stays with the multi handle.
  curl_.curl_multi_remove_handle(slot_.multi, slot_.easy);
  curl_.curl_easy_reset(slot_.easy);
  curl_.curl_slist_free_all(header_list_);
}

template <typename Value>
void HttpExchange::Set(CURLoption option, Value value) {
  static_assert(!std::is_same_v<Value, int>, "libcurl reads a long");
  const CURLcode code = curl_.curl_easy_setopt(slot_.easy, option, value);
  if (set_up_ == CURLE_OK) set_up_ = code;
}

void HttpExchange::SetHeaders() {
  const auto add = [&](const std::string& line) {
    curl_slist* longer = curl_.curl_slist_append(header_list_, line.c_str());
    if (longer == nullptr) set_up_ = CURLE_OUT_OF_MEMORY;
    if (longer != nullptr) header_list_ = longer;
  };
  bool has_type = false;
  for (const auto& [name, value] : request_.headers) {
    // "Name:" would take the header away, "Name;" sends it empty.
    add(value.empty() ? name + ";" : name + ": " + value);
    has_type = has_type || LowerCase(name) == "content-type";
  }
  if (!has_type) add("Content-Type:");  // libcurl's own default says "form"
  add("Expect:");                       // no waiting for "100 Continue" before a large body
  Set(CURLOPT_HTTPHEADER, header_list_);
}

void HttpExchange::SetUp() {
  Set(CURLOPT_ERRORBUFFER, reason_.data());
  Set(CURLOPT_URL, request_.url.c_str());
  Set(CURLOPT_NOSIGNAL, 1L);
  Set(CURLOPT_FOLLOWLOCATION, 0L);
  Set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  Set(CURLOPT_USERAGENT, "bantam");
  Set(CURLOPT_TCP_KEEPALIVE, 1L);
  Set(CURLOPT_SSL_VERIFYPEER, 1L);
  Set(CURLOPT_SSL_VERIFYHOST, 2L);
  if (!request_.ca_file.empty()) Set(CURLOPT_CAINFO, request_.ca_file.c_str());
  if (!request_.use_environment_proxy) Set(CURLOPT_PROXY, "");
  // Belt and braces: Send has checked the scheme already. The option by number is deprecated, the one by name is
  // of 7.85.
#if LIBCURL_VERSION_NUM >= 0x075500
  curl_.curl_easy_setopt(slot_.easy, CURLOPT_PROTOCOLS_STR, "http,https");
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
  // Without this, giving up during a slow name look-up waits for the look-up's thread. Older libraries refuse the
  // option.
  curl_.curl_easy_setopt(slot_.easy, CURLOPT_QUICK_EXIT, 1L);
#endif
  Set(CURLOPT_CONNECTTIMEOUT_MS, AtLeastOne(request_.connect_timeout));
  if (request_.method == "GET" && request_.body.empty()) {
    Set(CURLOPT_HTTPGET, 1L);
  } else if (request_.method == "HEAD") {
    Set(CURLOPT_NOBODY, 1L);
  } else {
    Set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
    Set(CURLOPT_POSTFIELDS, request_.body.c_str());  // not copied; lives as long as the exchange
    Set(CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  }
  SetHeaders();
  Set(CURLOPT_HEADERFUNCTION, &HttpExchange::HeaderEntry);
  Set(CURLOPT_HEADERDATA, static_cast<void*>(this));
  Set(CURLOPT_WRITEFUNCTION, &HttpExchange::BodyEntry);
  Set(CURLOPT_WRITEDATA, static_cast<void*>(this));
}

size_t HttpExchange::HeaderEntry(char* data, size_t size, size_t count, void* self) {
  const size_t bytes = size * count;
  return static_cast<HttpExchange*>(self)->OnHeader({data, bytes}) ? bytes : 0;
}

size_t HttpExchange::BodyEntry(char* data, size_t size, size_t count, void* self) {
  const size_t bytes = size * count;
  // Any other number than `bytes` ends the transfer; an empty piece must not.
  return bytes == 0 || static_cast<HttpExchange*>(self)->OnBody({data, bytes}) ? bytes : 0;
}

bool HttpExchange::OnHeader(std::string_view line) {
  header_bytes_ += line.size();
  if (header_bytes_ > kMaxHeaderBytes) {
    refusal_ = Err(ErrorCode::kTooLarge, "{} sent more than {} of headers", origin_, HumanBytes(kMaxHeaderBytes));
    return false;
  }
  if (head_done_) return true;  // trailers after a chunked body
  if (line.starts_with("HTTP/")) {
    response_.headers.clear();  // a new head: what came before was an interim "100 Continue"
    return true;
  }
  line = Trim(line);
  if (!line.empty()) {
    const size_t colon = line.find(':');
    if (colon != std::string_view::npos) {
      response_.headers.emplace_back(LowerCase(Trim(line.substr(0, colon))), std::string(Trim(line.substr(colon + 1))));
    }
    return true;
  }
  long status = 0;
  curl_.curl_easy_getinfo(slot_.easy, CURLINFO_RESPONSE_CODE, &status);
  if (status >= 100 && status < 200) return true;
  response_.status = static_cast<int>(status);
  head_done_ = true;
  last_piece_ = MonotonicNow();
  if (callbacks_.on_head) callbacks_.on_head(response_);
  return true;
}

bool HttpExchange::OnBody(std::string_view piece) {
  last_piece_ = MonotonicNow();
  if (enough_since_) {
    dropped_bytes_ += piece.size();
    return dropped_bytes_ <= kMaxLingerBytes;
  }
  body_bytes_ += piece.size();
  if (body_bytes_ > request_.max_response_bytes) {
    refusal_ =
        Err(ErrorCode::kTooLarge, "the answer of {} is longer than {} bytes", origin_, request_.max_response_bytes);
    return false;
  }
  if (!callbacks_.on_body) {
    response_.body += piece;
  } else if (!callbacks_.on_body(piece)) {
    enough_since_ = last_piece_;
  }
  return true;
}

HttpExchange::Timer HttpExchange::NextTimer() const {
  if (enough_since_) return {std::min(*enough_since_ + kLinger, request_.deadline), ""};
  Timer next = head_done_ ? Timer{last_piece_ + request_.idle_timeout, "fell silent in the middle of its answer"}
                          : Timer{start_ + request_.first_byte_timeout, "did not begin an answer in time"};
  if (request_.deadline < next.at) next = {request_.deadline, "did not finish its answer in time"};
  return next;
}

std::optional<CURLcode> HttpExchange::Finished() {
  int left = 0;
  while (CURLMsg* message = curl_.curl_multi_info_read(slot_.multi, &left)) {
    if (message->msg == CURLMSG_DONE && message->easy_handle == slot_.easy) return message->data.result;
  }
  return std::nullopt;
}

Error HttpExchange::Stopped() const { return Err(ErrorCode::kCancelled, "the request to {} was cancelled", origin_); }

Result<IncomingResponse> HttpExchange::Run() {
  if (stop_.stop_requested()) return Stopped();
  SetUp();
  if (set_up_ != CURLE_OK) return Failure(set_up_);
  if (curl_.curl_multi_add_handle(slot_.multi, slot_.easy) != CURLM_OK) {
    return Err(ErrorCode::kInternal, "libcurl did not take the request to {}", origin_);
  }
  // Ends the poll below at once. Its destructor waits for a call under way, so the handle outlives it.
  const std::stop_callback wake(stop_, [this] { curl_.curl_multi_wakeup(slot_.multi); });
  for (;;) {
    int running = 0;
    CURLMcode code = curl_.curl_multi_perform(slot_.multi, &running);
    if (code == CURLM_OK) {
      if (const auto done = Finished()) {
        if (*done != CURLE_OK) return Failure(*done);
        // A connection that closes among the headers is a success to libcurl.
        if (!head_done_)
          return Err(ErrorCode::kUnavailable, "the connection to {} broke: its headers are cut off", origin_);
        return std::move(response_);
      }
      if (stop_.stop_requested()) return Stopped();
      const MonotonicTime now = MonotonicNow();
      const Timer timer = NextTimer();
      if (now >= timer.at) {
        if (enough_since_) return Err(ErrorCode::kCancelled, "the answer of {} was not read to its end", origin_);
        return Err(ErrorCode::kDeadline, "{} {}", origin_, timer.what);
      }
      const auto wait = std::min<milliseconds>(std::chrono::ceil<milliseconds>(timer.at - now), milliseconds{1'000});
      code = curl_.curl_multi_poll(slot_.multi, nullptr, 0, static_cast<int>(wait.count()), nullptr);
    }
    if (code != CURLM_OK) {
      return Err(ErrorCode::kInternal, "libcurl failed at {}: {}", origin_, curl_.curl_multi_strerror(code));
    }
  }
}

Error HttpExchange::Failure(CURLcode code) const {
  if (refusal_) return *refusal_;
  if (enough_since_) return Err(ErrorCode::kCancelled, "the answer of {} was not read to its end", origin_);
  const std::string reason =
      EscapeForTerminal(reason_[0] != '\0' ? reason_.data() : curl_.curl_easy_strerror(code), 300);
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
      return Err(ErrorCode::kUnavailable, "cannot connect to {}: {}", origin_, reason);
    case CURLE_OPERATION_TIMEDOUT:
      return Err(ErrorCode::kDeadline, "{} cannot be reached: no connection within {} ms", origin_,
                 request_.connect_timeout.count());
    case CURLE_PEER_FAILED_VERIFICATION:
      return Err(ErrorCode::kUnavailable, "cannot trust {}: {}", origin_, reason);
    case CURLE_UNSUPPORTED_PROTOCOL:  // an answer without a status line ("HTTP/0.9")
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
      return Err(ErrorCode::kCorrupt, "{} does not speak HTTP: {}", origin_, reason);
    case CURLE_URL_MALFORMAT:
      return Err(ErrorCode::kInvalidArgument, "the address of {} is not valid: {}", origin_, reason);
    case CURLE_OUT_OF_MEMORY:
      return Err(ErrorCode::kOutOfMemory, "not enough memory for a request to {}", origin_);
    case CURLE_SSL_CACERT_BADFILE:
      return Err(ErrorCode::kInvalidArgument, "cannot read the certificates to check {} with: {}", origin_, reason);
    default:
      return Err(ErrorCode::kUnavailable, "the connection to {} broke: {}", origin_, reason);
  }
}

}  // namespace bantam
