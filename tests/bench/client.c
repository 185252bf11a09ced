/*
 * client.c: the peer of a benchmarked guest. It opens one TCP connection and then, for each line
 * with a number N on its standard input, does that much work and prints the seconds it took.
 *
 *   client <IPv4 address> <port> echo     N round trips of 64 bytes
 *   client <IPv4 address> <port> sink     sends N bytes; done when the guest has got the last one
 *   client <IPv4 address> <port> source   receives N bytes, reading whatever is there
 *   client <IPv4 address> <port> steady   receives N bytes, reading seldom: see run_steady()
 *   client <IPv4 address> <port> get      N requests of / on one connection
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

static int sock;
static char buffer[256 * 1024];

static _Noreturn void fail(const char *what)
{
  perror(what);
  exit(1);
}

/* Nagle's algorithm stays on: it keeps the sender from filling the window's last bytes with short
 * segments, and holds nothing else back here. */
static void open_connection(const char *address, const char *port)
{
  struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
  struct timeval limit = {.tv_sec = HANG_LIMIT_S};
  int room = RECEIVE_BYTES;

  sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (sock < 0 || inet_pton(AF_INET, address, &peer.sin_addr) != 1 ||
      setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) != 0 ||
      setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) != 0 ||
      setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)) != 0 ||
      connect(sock, (struct sockaddr *)&peer, sizeof(peer)) != 0) {
    fail("connect");
  }
}

static void send_all(const char *data, size_t bytes)
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

static size_t receive(char *data, size_t most)
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
    got += receive(data + got, bytes - got);
  }
}

static void send_number(uint64_t number)
{
  char line[32];

  send_all(line, (size_t)snprintf(line, sizeof(line), "%" PRIu64 "\n", number));
}

static void run_echo(uint64_t round_trips)
{
  char answer[ECHO_BYTES];

  for (; round_trips > 0; round_trips--) {
    memset(buffer, (int)round_trips, ECHO_BYTES);
    send_all(buffer, ECHO_BYTES);
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

    send_all(buffer, piece);
    bytes -= piece;
  }
  receive_all(buffer, 1);
}

static void run_source(uint64_t bytes)
{
  send_number(bytes);
  while (bytes > 0) {
    bytes -= receive(buffer, bytes < sizeof(buffer) ? (size_t)bytes : sizeof(buffer));
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
    struct pollfd readable = {.fd = sock, .events = POLLIN};
    int piece = bytes < STEADY_BYTES ? (int)bytes : STEADY_BYTES;

    if (setsockopt(sock, SOL_SOCKET, SO_RCVLOWAT, &piece, sizeof(piece)) != 0 ||
        poll(&readable, 1, HANG_LIMIT_S * 1000) != 1) {
      fail("waiting for data");
    }
    receive_all(buffer, (size_t)piece);
    bytes -= (uint64_t)piece;
  }
}

static void run_get(uint64_t requests)
{
  static const char request[] = "GET / HTTP/1.1\r\nHost: bench\r\nConnection: keep-alive\r\n\r\n";
  static const char length_field[] = "\r\nContent-Length:";

  for (; requests > 0; requests--) {
    size_t got = 0;
    char *body = NULL;
    const char *length;

    send_all(request, sizeof(request) - 1);
    do {
      got += receive(buffer + got, sizeof(buffer) - 1 - got);
      buffer[got] = '\0';
      body = strstr(buffer, "\r\n\r\n");
    } while (body == NULL);
    length = strcasestr(buffer, length_field);
    if (strncmp(buffer, "HTTP/1.1 200 ", 13) != 0 || length == NULL || length > body) {
      fail("the answer is no page of a known length");
    }
    body += 4 + strtoul(length + sizeof(length_field) - 1, NULL, 10);
    receive_all(buffer, (size_t)(body - buffer) - got);
  }
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
  } works[] = {{"echo", run_echo},
               {"sink", run_sink},
               {"source", run_source},
               {"steady", run_steady},
               {"get", run_get}};
  void (*run)(uint64_t amount) = NULL;
  uint64_t amount;

  for (size_t i = 0; argc == 4 && i < sizeof(works) / sizeof(works[0]); i++) {
    if (strcmp(argv[3], works[i].name) == 0) {
      run = works[i].run;
    }
  }
  if (run == NULL) {
    fprintf(stderr, "usage: client <IPv4 address> <port> echo|sink|source|steady|get\n");
    return 2;
  }
  open_connection(argv[1], argv[2]);
  while (scanf("%" SCNu64, &amount) == 1) {
    double start = now();

    run(amount);
    printf("%.9f\n", now() - start);
    fflush(stdout);
  }
  return 0;
}
