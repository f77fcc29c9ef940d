/* SPDX-License-Identifier: MIT */
/*
 * From what the rooms know to the records that the mirror publishes: sources of mirror.h for services, statuses and
 * answers. Main thread only.
 */
#ifndef BRIDGE_RECORDS_H
#define BRIDGE_RECORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "advertise.h"
#include "catalog.h"
#include "mirror.h"

struct records {
    struct catalog *catalog;
    struct advertise *advertise;
    uint64_t txt_truncated; /* service records with TXT attributes left out */
    bool complained_of_txt, complained_of_unfit;
};

/* Makes the mirror ask `records`, which is borrowed, in the folders of services, statuses, answers and requests. */
void records_set_sources(struct records *records, struct mirror *mirror);

#endif
