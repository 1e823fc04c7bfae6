# SPDX-License-Identifier: LGPL-3.0-or-later
"""The barest script that does the same: ONNX Runtime, and a graph that tells the last attention.

    overlay-onnxruntime.py GRAPH FOLDER PHOTO...
"""

import sys

import onnxruntime

import overlay


def main(graph, folder, *paths):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def attend(pixels):
        _, attention = session.run(None, {"pixels": pixels})
        return attention[:, :, 0, 1:].mean(1)

    overlay.explain(attend, 1, folder, paths)


main(*sys.argv[1:])
