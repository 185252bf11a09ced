/*
 * linux_guest.c: /init of the Linux guest that the images are compared with. It loads the drivers,
 * sets the address that the kernel's command line gives (address=10.0.2.15) and offers the services
 * of apps/ in the plainest way: a process for each connection, blocking calls, large buffers.
 *
 * It is compiled by the compilers that build the images, so there is no C library and no header of
 * Linux; arm64 and riscv64 share Linux's generic system call numbers and structures.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include <stddef.h>
#include <stdint.h>

enum {
  SYS_IOCTL = 29,
  SYS_OPENAT = 56,
  SYS_CLOSE = 57,
  SYS_READ = 63,
  SYS_WRITE = 64,
  SYS_EXIT = 93,
  SYS_NANOSLEEP = 101,
  SYS_SOCKET = 198,
  SYS_BIND = 200,
  SYS_LISTEN = 201,
  SYS_ACCEPT = 202,
  SYS_SETSOCKOPT = 208,
  SYS_CLONE = 220,
  SYS_FINIT_MODULE = 273,
};

enum { AF_INET = 2, SOCK_STREAM = 1, TCP = 6, TCP_NODELAY = 1 };
enum { SIOCGIFFLAGS = 0x8913, SIOCSIFFLAGS, SIOCSIFADDR = 0x8916, SIOCSIFNETMASK = 0x891c };
enum { AT_FDCWD = -100, SIGCHLD = 17, IFF_UP = 1 };

#define PAGE_BYTES  512 /* as in apps/pages.h */
#define CONNECTIONS 16  /* to a service at a time, as in client.c */

struct socket_address {
  uint16_t family;
  uint8_t port[2]; /* in network order, as the address */
  uint8_t address[4];
  uint8_t zero[8];
};

struct interface_request {
  char name[16];
  union {
    struct socket_address address;
    int16_t flags;
    char all[24];
  } u;
};

static char buffer[256 * 1024];

#if defined(__aarch64__)
__asm__(".global _start\n_start: mov x0, sp\n bl start\n");

static long syscall(long number, long a, long b, long c, long d, long e)
{
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;

  __asm__ volatile("svc 0"
                   : "+r"(x0)
                   : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4)
                   : "memory", "cc");
  return x0;
}
#elif defined(__riscv)
__asm__(".global _start\n_start: mv a0, sp\n call start\n");

static long syscall(long number, long a, long b, long c, long d, long e)
{
  register long a7 __asm__("a7") = number;
  register long a0 __asm__("a0") = a;
  register long a1 __asm__("a1") = b;
  register long a2 __asm__("a2") = c;
  register long a3 __asm__("a3") = d;
  register long a4 __asm__("a4") = e;

  __asm__ volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2), "r"(a3), "r"(a4) : "memory");
  return a0;
}
#endif

static size_t length(const char *text)
{
  size_t bytes = 0;

  while (text[bytes] != '\0') {
    bytes++;
  }
  return bytes;
}

static void say(const char *text)
{
  syscall(SYS_WRITE, 1, (long)text, (long)length(text), 0, 0);
}

static void sleep_ms(long ms)
{
  const long time[2] = {ms / 1000, ms % 1000 * 1000000};

  syscall(SYS_NANOSLEEP, (long)time, 0, 0, 0, 0);
}

static _Noreturn void fail(const char *what)
{
  say("linux_guest: error: ");
  say(what);
  say("\n");
  for (;;) {
    sleep_ms(1000000); /* the end of init is a panic that buries the message */
  }
}

/* bench.py packs the modules; one that is not there is a part of the kernel. */
static void load_modules(void)
{
  static const char *const paths[] = {"/failover.ko", "/net_failover.ko", "/virtio_mmio.ko",
                                      "/virtio_net.ko"};

  for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
    long fd = syscall(SYS_OPENAT, AT_FDCWD, (long)paths[i], 0, 0, 0);

    if (fd >= 0) {
      if (syscall(SYS_FINIT_MODULE, fd, (long)"", 0, 0, 0) != 0) {
        fail(paths[i]);
      }
      syscall(SYS_CLOSE, fd, 0, 0, 0, 0);
    }
  }
}

static void read_address(const char *text, uint8_t octets[4])
{
  for (int i = 0; i < 4; i++) {
    octets[i] = 0;
    while (*text >= '0' && *text <= '9') {
      octets[i] = (uint8_t)(10 * octets[i] + (*text++ - '0'));
    }
    text += *text == '.';
  }
}

static void set_up_interface(long sock, const char *name, const char *address)
{
  struct interface_request request = {.u.address.family = AF_INET};

  for (size_t i = 0; name[i] != '\0'; i++) {
    request.name[i] = name[i];
  }
  read_address(address, request.u.address.address);
  /* The driver finds its device a moment after it was loaded. */
  for (int tries = 0; syscall(SYS_IOCTL, sock, SIOCSIFADDR, (long)&request, 0, 0) != 0; tries++) {
    if (tries == 10000) {
      fail("there is no interface of that name, or no address=");
    }
    sleep_ms(1);
  }
  read_address("255.255.255.0", request.u.address.address);
  syscall(SYS_IOCTL, sock, SIOCSIFNETMASK, (long)&request, 0, 0);
  syscall(SYS_IOCTL, sock, SIOCGIFFLAGS, (long)&request, 0, 0);
  request.u.flags |= IFF_UP;
  syscall(SYS_IOCTL, sock, SIOCSIFFLAGS, (long)&request, 0, 0);
}

static long receive(long sock, size_t most)
{
  return syscall(SYS_READ, sock, (long)buffer, (long)most, 0, 0);
}

static int send_all(long sock, const char *data, size_t bytes)
{
  while (bytes > 0) {
    long sent = syscall(SYS_WRITE, sock, (long)data, (long)bytes, 0, 0);

    if (sent <= 0) {
      return -1;
    }
    data += sent;
    bytes -= (size_t)sent;
  }
  return 0;
}

/* A number and a line feed, by which sink and source are told what to do. */
static uint64_t receive_number(long sock)
{
  uint64_t number = 0;
  char digit;

  while (syscall(SYS_READ, sock, (long)&digit, 1, 0, 0) == 1 && digit != '\n') {
    number = 10 * number + (uint64_t)(digit - '0');
  }
  return number;
}

static void serve_echo(long sock)
{
  long got = receive(sock, sizeof(buffer));

  while (got > 0 && send_all(sock, buffer, (size_t)got) == 0) {
    got = receive(sock, sizeof(buffer));
  }
}

static void serve_sink(long sock)
{
  uint64_t bytes;

  while ((bytes = receive_number(sock)) > 0) {
    while (bytes > 0) {
      long got = receive(sock, bytes < sizeof(buffer) ? (size_t)bytes : sizeof(buffer));

      if (got <= 0) {
        return;
      }
      bytes -= (uint64_t)got;
    }
    send_all(sock, "\n", 1);
  }
}

static void serve_source(long sock)
{
  uint64_t bytes;

  while ((bytes = receive_number(sock)) > 0) {
    while (bytes > 0) {
      size_t piece = bytes < sizeof(buffer) ? (size_t)bytes : sizeof(buffer);

      if (send_all(sock, buffer, piece) != 0) {
        return;
      }
      bytes -= piece;
    }
  }
}

static void serve_http(long sock)
{
  static const char head[] = "HTTP/1.1 200 OK\r\nServer: linux\r\nConnection: keep-alive\r\n"
                             "Content-Type: text/html\r\nContent-Length: 512\r\n\r\n";
  static char page[sizeof(head) - 1 + PAGE_BYTES];

  for (size_t i = 0; i < sizeof(page); i++) {
    page[i] = i < sizeof(head) - 1 ? head[i] : ' ';
  }
  /* The client sends one request at a time and no body: each read is a request. */
  while (receive(sock, sizeof(buffer)) > 0 && send_all(sock, page, sizeof(page)) == 0) {
  }
}

static _Noreturn void serve_for_ever(long listener, void (*serve)(long sock))
{
  const int on = 1;

  for (;;) {
    long sock = syscall(SYS_ACCEPT, listener, 0, 0, 0, 0);

    syscall(SYS_SETSOCKOPT, sock, TCP, TCP_NODELAY, (long)&on, sizeof(on));
    serve(sock);
    syscall(SYS_CLOSE, sock, 0, 0, 0, 0);
  }
}

static void start_service(uint16_t port, void (*serve)(long sock))
{
  struct socket_address own = {.family = AF_INET, .port = {(uint8_t)(port >> 8), (uint8_t)port}};
  long listener = syscall(SYS_SOCKET, AF_INET, SOCK_STREAM, 0, 0, 0);

  if (syscall(SYS_BIND, listener, (long)&own, sizeof(own), 0, 0) != 0 ||
      syscall(SYS_LISTEN, listener, 16, 0, 0, 0) != 0) {
    fail("no socket to listen on");
  }
  for (int i = 0; i < CONNECTIONS; i++) {
    if (syscall(SYS_CLONE, SIGCHLD, 0, 0, 0, 0) == 0) {
      serve_for_ever(listener, serve);
    }
  }
  syscall(SYS_CLOSE, listener, 0, 0, 0, 0);
}

/* The value of a word `name=value` of the kernel's command line, which init finds in its
 * environment: behind argc, the arguments and a null pointer. */
static const char *option(const uintptr_t *stack, const char *name)
{
  for (const uintptr_t *entry = stack + 1 + stack[0] + 1; *entry != 0; entry++) {
    const char *text = (const char *)*entry;
    size_t i = 0;

    while (name[i] != '\0' && text[i] == name[i]) {
      i++;
    }
    if (name[i] == '\0' && text[i] == '=') {
      return text + i + 1;
    }
  }
  return "";
}

_Noreturn void start(const uintptr_t *stack);

_Noreturn void start(const uintptr_t *stack)
{
  long sock = syscall(SYS_SOCKET, AF_INET, SOCK_STREAM, 0, 0, 0);

  load_modules();
  set_up_interface(sock, "eth0", option(stack, "address"));
  start_service(7, serve_echo);
  start_service(5001, serve_sink);
  start_service(5002, serve_source);
  start_service(80, serve_http);
  say("linux_guest: ready\n");
  for (;;) {
    sleep_ms(1000000);
  }
}
