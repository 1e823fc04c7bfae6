/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

#include <vitreous/vitreous.h>

/* What `head train` has to say of the head it wrote to @file; @pictures: of CliPicture. */
typedef struct
{
  VtrHead *head;
  VtrModel *model;
  GPtrArray *pictures;
  const char *file;
} CliHeadReport;

void cli_head_report_print (const CliHeadReport *self);
void cli_head_report_print_json (const CliHeadReport *self);
