/*
 * demo.h: what an app shares with the bring-up, which finds the device, gets an address and runs
 * the main loop. Beside this, an app knows only lwIP.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef DEMO_H
#define DEMO_H

#ifdef __cplusplus
extern "C" {
#endif

struct netif;

/** What the demo runs on, in words, for people. */
struct demo_info {
  const char *board;     /**< The machine. */
  const char *transport; /**< How the device is reached. */
};

/** By the app: its name and what it offers, for the banner. */
extern const char app_name[];

/**
 * By the app: start its services. Called once, before the main loop; the interface is up but may
 * have no address yet. All further work is done in lwIP's callbacks, which all run in the main
 * loop.
 *
 * @param netif the interface
 */
void app_start(struct netif *netif);

/** What the demo runs on. */
const struct demo_info *demo_info(void);

#ifdef __cplusplus
}
#endif

#endif /* DEMO_H */
