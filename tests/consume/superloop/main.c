/*
 * main.c: find the device, add the interface, run it. port/README.md quotes from here.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "lwip/init.h"
#include "lwip/netif.h"
#include "netif/ethernet.h"
#include "netif/virtioif.h"
#include "virtio/virtio_mmio.h"

#include "platform.h"
#include <stdio.h>

static struct virtio_mmio mmio;
static struct virtioif nic;
static struct netif netif;
VIRTIOIF_MEMORY(nic_memory, 64, 64, 128);

u32_t sys_now(void)
{
  return platform_now_ms();
}

static bool find_device(void)
{
  for (unsigned i = 0; i < PLATFORM_SLOTS; i++) {
    if (virtio_mmio_probe(&mmio, platform_slot(i)) == VIRTIO_OK &&
        mmio.dev.device_id == VIRTIO_ID_NET) {
      return true;
    }
  }
  return false;
}

static bool add_interface(void)
{
  struct virtioif_params params = {.vif = &nic, .dev = &mmio.dev, .memory = &nic_memory};

  if (netif_add_noaddr(&netif, &params, virtioif_init, ethernet_input) == NULL) {
    printf("no interface: %s\n", virtioif_init_error(&nic));
    return false;
  }
  return true;
}

/* The handler of the device's interrupt, which is level-triggered. */
void nic_interrupt(void)
{
  virtioif_isr(&netif);
}

int main(void)
{
  lwip_init();
  if (!find_device()) {
    printf("superloop: lwIP %s\n", LWIP_VERSION_STRING);
    return 0;
  }
  if (!add_interface()) {
    return 1;
  }
  start_addresses(&netif);
  superloop(&netif);
}
