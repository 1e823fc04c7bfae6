/* SPDX-License-Identifier: LGPL-3.0-or-later */
#pragma once

/*
 * Vitreous: the attention of Vision Transformers, made visible.
 *
 *   VtrImage ──┐
 *              ├─ vtr_input_new ─→ VtrInput ──┐
 *   VtrModel ──┤                              ├─ vtr_session_explain ─→ VtrExplanation ─→
 * vtr_export_* VtrDevice ─┴─ vtr_session_new ─→ VtrSession
 *
 * Rules that hold for every function:
 *
 * - Arrays are row-major; shapes are written slowest axis first.
 * - Sizes in pixels are of the upright picture (EXIF orientation applied).
 * - A function that takes a GError sets it exactly when it returns NULL or FALSE.
 *   Messages are whole sentences for the user: what, where, what to do.
 * - The library never prints, exits, reads argv or touches the network.
 */
#include <vitreous/vtr-version.h>
#include <vitreous/vtr-error.h>
#include <vitreous/vtr-types.h>
#include <vitreous/vtr-image.h>
#include <vitreous/vtr-device.h>
#include <vitreous/vtr-verify.h>
#include <vitreous/vtr-model.h>
#include <vitreous/vtr-input.h>
#include <vitreous/vtr-head.h>
#include <vitreous/vtr-pruning.h>
#include <vitreous/vtr-target.h>
#include <vitreous/vtr-method.h>
#include <vitreous/vtr-map.h>
#include <vitreous/vtr-session.h>
#include <vitreous/vtr-explanation.h>
#include <vitreous/vtr-score.h>
#include <vitreous/vtr-proof.h>
#include <vitreous/vtr-evaluation.h>
#include <vitreous/vtr-agreement.h>
#include <vitreous/vtr-augment.h>
#include <vitreous/vtr-observation.h>
#include <vitreous/vtr-analysis.h>
#include <vitreous/vtr-diagnosis.h>
#include <vitreous/vtr-advice.h>
#include <vitreous/vtr-render.h>
#include <vitreous/vtr-export.h>
