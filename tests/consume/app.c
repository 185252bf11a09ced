/*
 * app.c: what an application does with the interface, as far as a host without a device lets it.
 *
 * It calls into the driver, the port and lwIP, so that it links only if all three are there and
 * agree on their types. Prints one line that the test compares.
 *
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include <stdio.h>

#include "lwip/init.h"
#include "lwip/netif.h"
#include "lwip/sys.h"
#include "netif/ethernet.h"
#include "netif/virtioif.h"
#include "virtio/virtio_mmio.h"

#ifndef APP_NAME
#define APP_NAME "app"
#endif

/* A slot of the machine's VirtIO-MMIO bus with nothing in it: magic value, version, device 0. */
static const uint32_t empty_slot[64] = {0x74726976, 2, 0};

static struct virtioif nic;
static struct netif netif;
VIRTIOIF_MEMORY(nic_memory, 4, 4, 4);

u32_t sys_now(void)
{
  return 0;
}

int main(void)
{
  struct virtio_mmio mmio;
  struct virtioif_params params = {0};
  params.vif = &nic;
  params.memory = &nic_memory;

  lwip_init();
  if (virtio_mmio_probe(&mmio, (uintptr_t)empty_slot) != VIRTIO_ERR_NODEV) {
    puts("an empty slot was taken for a device");
    return 1;
  }
  /* Without a device there is nothing to add: lwIP reports what the port said. */
  if (netif_add_noaddr(&netif, &params, virtioif_init, ethernet_input) != NULL) {
    puts("an interface without a device was added");
    return 1;
  }
  printf("%s: lwIP %s, %u TCP connections\n", APP_NAME, LWIP_VERSION_STRING,
         (unsigned)MEMP_NUM_TCP_PCB);
  return 0;
}
