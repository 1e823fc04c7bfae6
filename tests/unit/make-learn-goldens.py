#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""Writes learn-goldens.npz: logistic regressions as scikit-learn fits them.

Needs scikit-learn; 1.9.1 wrote what is committed.  Features have scales and means far apart, one is
the same for all examples, the classes overlap and differ in size.  Every head is for features as
they are; `penalty` is what half the squares of the weights of standardised features are multiplied
by, beside the mean loss.
"""

import pathlib

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.preprocessing import StandardScaler

COUNTS = [40, 25, 15]
WIDTH = 8
PENALTIES = [10, 0.1, 0.01, 0.0001]


def make_examples():
    random = np.random.default_rng(5)
    classes = np.repeat(np.arange(len(COUNTS)), COUNTS)
    centres = random.normal(0, 0.8, (len(COUNTS), WIDTH))
    features = random.normal(centres[classes], 1)
    features = (features + np.linspace(-5, 8, WIDTH)) * 10.0 ** np.linspace(-3, 3, WIDTH)
    features[:, 4] = 7
    return features.astype(np.float32), classes


def fit(features, classes, penalty):
    scaler = StandardScaler().fit(features.astype(np.float64))
    scaled = scaler.transform(features.astype(np.float64))
    model = LogisticRegression(C=1 / (penalty * len(classes)), solver="newton-cg", tol=1e-10,
                               max_iter=10000).fit(scaled, classes)
    loss = log_loss(classes, model.predict_proba(scaled)) + penalty / 2 * (model.coef_ ** 2).sum()
    weight = model.coef_ / scaler.scale_
    bias = model.intercept_ - weight @ scaler.mean_
    return weight, bias, np.array([loss])


def main():
    features, classes = make_examples()
    arrays = {"features": features, "classes": classes.astype(np.float32)}
    for penalty in PENALTIES:
        weight, bias, loss = fit(features, classes, penalty)
        arrays |= {f"weight/{penalty}": weight, f"bias/{penalty}": bias, f"loss/{penalty}": loss}
    np.savez_compressed(pathlib.Path(__file__).with_name("learn-goldens.npz"), **arrays)


if __name__ == "__main__":
    main()
