/*
 * client.c: the peer of a benchmarked guest. It opens its TCP connections and then, for each line
 * with a number N on its standard input, does that much work and prints the seconds it took.
 *
 *   client <IPv4 address> <port> echo     N round trips of 64 bytes
 *   client <IPv4 address> <port> sink     sends N bytes; done when the guest has got the last one
 *   client <IPv4 address> <port> source   receives N bytes, reading whatever is there
 *   client <IPv4 address> <port> steady   receives N bytes, reading seldom: see run_steady()
 *   client <IPv4 address> <port> get      N requests of / on one connection
 *   client <IPv4 address> <port> echo_16  N round trips on 16 connections, see ask_at_once()
 *   client <IPv4 address> <port> get_16   N requests on 16 connections
 *
 * apps/transfer.h has the protocol of sink and source.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HANG_LIMIT_S  60 /* without progress: the guest is stuck, however slow this machine is */
#define ECHO_BYTES    64
#define STEADY_BYTES  (128 * 1024)
#define RECEIVE_BYTES (1024 * 1024) /* room for several of these */
#define CONNECTIONS   16
#define PAGE_BYTES    4096 /* most of an answer to GET */

static const char get_request[] = "GET / HTTP/1.1\r\nHost: bench\r\nConnection: keep-alive\r\n\r\n";

static int socks[CONNECTIONS]; /* the first alone, or all */
static char buffer[256 * 1024];

static _Noreturn void fail(const char *what)
{
  perror(what);
  exit(1);
}

/* Nagle's algorithm stays on: it keeps the sender from filling the window's last bytes with short
 * segments, and holds nothing else back here. */
static int open_connection(const char *address, const char *port)
{
  struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
  struct timeval limit = {.tv_sec = HANG_LIMIT_S};
  int room = RECEIVE_BYTES;
  int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  if (sock < 0 || inet_pton(AF_INET, address, &peer.sin_addr) != 1 ||
      setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) != 0 ||
      setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) != 0 ||
      setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)) != 0 ||
      connect(sock, (struct sockaddr *)&peer, sizeof(peer)) != 0) {
    fail("connect");
  }
  return sock;
}

static void send_all(int sock, const char *data, size_t bytes)
{
  while (bytes > 0) {
    ssize_t sent = send(sock, data, bytes, MSG_NOSIGNAL);

    if (sent <= 0) {
      fail("send");
    }
    data += sent;
    bytes -= (size_t)sent;
  }
}

static size_t receive(int sock, char *data, size_t most)
{
  ssize_t got = recv(sock, data, most, 0);

  if (got <= 0) {
    fail(got == 0 ? "connection closed" : "receive");
  }
  return (size_t)got;
}

static void receive_all(char *data, size_t bytes)
{
  for (size_t got = 0; got < bytes;) {
    got += receive(socks[0], data + got, bytes - got);
  }
}

static void send_number(uint64_t number)
{
  char line[32];

  send_all(socks[0], line, (size_t)snprintf(line, sizeof(line), "%" PRIu64 "\n", number));
}

static void run_echo(uint64_t round_trips)
{
  char answer[ECHO_BYTES];

  for (; round_trips > 0; round_trips--) {
    memset(buffer, (int)round_trips, ECHO_BYTES);
    send_all(socks[0], buffer, ECHO_BYTES);
    receive_all(answer, ECHO_BYTES);
    if (memcmp(buffer, answer, ECHO_BYTES) != 0) {
      fail("the echo differs");
    }
  }
}

static void run_sink(uint64_t bytes)
{
  send_number(bytes);
  while (bytes > 0) {
    size_t piece = bytes < sizeof(buffer) ? (size_t)bytes : sizeof(buffer);

    send_all(socks[0], buffer, piece);
    bytes -= piece;
  }
  receive_all(buffer, 1);
}

static void run_source(uint64_t bytes)
{
  send_number(bytes);
  while (bytes > 0) {
    bytes -= receive(socks[0], buffer, bytes < sizeof(buffer) ? (size_t)bytes : sizeof(buffer));
  }
}

/*
 * While a process reads from a socket, the kernel only collects what comes in and acknowledges it
 * later, all at once. So the number of acknowledgements, each of which costs the guest work,
 * depends on who runs when. This client reads seldom, and nearly every second segment is
 * acknowledged by itself.
 */
static void run_steady(uint64_t bytes)
{
  send_number(bytes);
  while (bytes > 0) {
    struct pollfd readable = {.fd = socks[0], .events = POLLIN};
    int piece = bytes < STEADY_BYTES ? (int)bytes : STEADY_BYTES;

    if (setsockopt(socks[0], SOL_SOCKET, SO_RCVLOWAT, &piece, sizeof(piece)) != 0 ||
        poll(&readable, 1, HANG_LIMIT_S * 1000) != 1) {
      fail("waiting for data");
    }
    receive_all(buffer, (size_t)piece);
    bytes -= (uint64_t)piece;
  }
}

/* Ask for / and receive the answer. Returns its bytes, header included. */
static size_t get_page(char page[PAGE_BYTES])
{
  static const char length_field[] = "\r\nContent-Length:";
  size_t got = 0;
  char *body = NULL;
  const char *length;

  send_all(socks[0], get_request, sizeof(get_request) - 1);
  do {
    got += receive(socks[0], page + got, PAGE_BYTES - 1 - got);
    page[got] = '\0';
    body = strstr(page, "\r\n\r\n");
  } while (body == NULL);
  length = strcasestr(page, length_field);
  if (strncmp(page, "HTTP/1.1 200 ", 13) != 0 || length == NULL || length > body) {
    fail("the answer is no page of a known length");
  }
  size_t bytes = (size_t)(body + 4 - page) + strtoul(length + sizeof(length_field) - 1, NULL, 10);
  if (bytes > PAGE_BYTES) {
    fail("the page is too long");
  }
  receive_all(page + got, bytes - got);
  return bytes;
}

static void run_get(uint64_t requests)
{
  for (; requests > 0; requests--) {
    get_page(buffer);
  }
}

/* What is asked on several connections at once, and what has come of each answer. */
struct exchange {
  const char *request;
  size_t request_bytes;
  const char *answer;
  size_t answer_bytes;
  size_t got[CONNECTIONS];
};

/* Receive what there is of the answer on connection i. True: that was the last of it. */
static bool receive_some(struct exchange *exchange, int i)
{
  size_t bytes = receive(socks[i], buffer, exchange->answer_bytes - exchange->got[i]);

  if (memcmp(buffer, exchange->answer + exchange->got[i], bytes) != 0) {
    fail("the answer differs");
  }
  exchange->got[i] += bytes;
  if (exchange->got[i] < exchange->answer_bytes) {
    return false;
  }
  exchange->got[i] = 0;
  return true;
}

/*
 * With one request on its way at a time, the time is that of handing it from process to process.
 * A server is asked by many: here each connection has a request on its way all the time.
 */
static void ask_at_once(struct exchange *exchange, uint64_t requests)
{
  struct pollfd readable[CONNECTIONS];
  uint64_t asked = 0;

  for (int i = 0; i < CONNECTIONS; i++) {
    readable[i] = (struct pollfd){.fd = socks[i], .events = POLLIN};
    if (asked < requests) {
      send_all(socks[i], exchange->request, exchange->request_bytes);
      asked++;
    }
  }
  for (uint64_t answered = 0; answered < requests;) {
    if (poll(readable, CONNECTIONS, HANG_LIMIT_S * 1000) <= 0) {
      fail("waiting for answers");
    }
    for (int i = 0; i < CONNECTIONS; i++) {
      if (readable[i].revents == 0 || !receive_some(exchange, i)) {
        continue;
      }
      answered++;
      if (asked < requests) {
        send_all(socks[i], exchange->request, exchange->request_bytes);
        asked++;
      }
    }
  }
}

static void run_echo_16(uint64_t round_trips)
{
  char message[ECHO_BYTES];
  struct exchange exchange = {message, sizeof(message), message, sizeof(message), {0}};

  memset(message, (int)round_trips, sizeof(message));
  ask_at_once(&exchange, round_trips);
}

static void run_get_16(uint64_t requests)
{
  static char page[PAGE_BYTES];
  static size_t bytes;

  if (bytes == 0) {
    bytes = get_page(page);
  }
  ask_at_once(&(struct exchange){get_request, sizeof(get_request) - 1, page, bytes, {0}}, requests);
}

static double now(void)
{
  struct timespec time;

  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
  static const struct {
    const char *name;
    void (*run)(uint64_t amount);
    int connections;
  } works[] = {{"echo", run_echo, 1},
               {"sink", run_sink, 1},
               {"source", run_source, 1},
               {"steady", run_steady, 1},
               {"get", run_get, 1},
               {"echo_16", run_echo_16, CONNECTIONS},
               {"get_16", run_get_16, CONNECTIONS}};
  void (*run)(uint64_t amount) = NULL;
  int connections = 0;
  uint64_t amount;

  for (size_t i = 0; argc == 4 && i < sizeof(works) / sizeof(works[0]); i++) {
    if (strcmp(argv[3], works[i].name) == 0) {
      run = works[i].run;
      connections = works[i].connections;
    }
  }
  if (run == NULL) {
    fprintf(stderr, "usage: client <address> <port> "
                    "echo|sink|source|steady|get|echo_16|get_16\n");
    return 2;
  }
  for (int i = 0; i < connections; i++) {
    socks[i] = open_connection(argv[1], argv[2]);
  }
  while (scanf("%" SCNu64, &amount) == 1) {
    double start = now();

    run(amount);
    printf("%.9f\n", now() - start);
    fflush(stdout);
  }
  return 0;
}
