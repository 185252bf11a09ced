/*
 * pages.h: the one page of this app, in the form in which lwIP's fs.c includes it: 512 bytes with
 * the HTTP header in front. tests/bench/linux_guest.c answers with as many.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#define PAGE_HEAD                                                                                  \
  "HTTP/1.1 200 OK\r\nServer: virtioif\r\nConnection: keep-alive\r\n"                              \
  "Content-Type: text/html\r\nContent-Length: 512\r\n\r\n"
#define PAGE_BLANKS_64 "                                                               \n"
#define PAGE_BLANKS    PAGE_BLANKS_64 PAGE_BLANKS_64 PAGE_BLANKS_64 PAGE_BLANKS_64

static const unsigned char page_name[] = "/index.html";
static const char page[] = PAGE_HEAD PAGE_BLANKS PAGE_BLANKS;

static const struct fsdata_file page_file[] = {
    {NULL, page_name, (const unsigned char *)page, sizeof(page) - 1,
     FS_FILE_FLAGS_HEADER_INCLUDED | FS_FILE_FLAGS_HEADER_PERSISTENT |
         FS_FILE_FLAGS_HEADER_HTTPVER_1_1}};

#define FS_ROOT     page_file
#define FS_NUMFILES 1
