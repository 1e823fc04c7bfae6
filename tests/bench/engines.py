# SPDX-License-Identifier: LGPL-3.0-or-later
"""The engines Vitreous is measured against, two threads each.

    engines.py ENGINE CASE ATTENTION

is a process that lives as long as its case is measured.  It writes a line when it is ready; then
for each number N that it reads it runs N + 1 times and writes the seconds of all but the first as a
JSON array.  ATTENTION is "none" or "all": of which layers the engine is to answer with the
matrices.

An engine imports its library when it is made: each process has but one.
"""

import json
import os
import sys
import time

import numpy as np

import cases

N_THREADS = 2


class Engine:
    """run () answers with the library's own objects; answers () makes arrays of them."""

    def __init__(self, case, attention):
        self.case = case
        self.attention = attention
        self.model, edge, _ = cases.CASES[case]
        self.pixels = np.load(cases.PIXELS / f"{edge}.npy")

    def answers(self):
        """tokens [n][d], and the matrices [h][n][n] of the layers, none where it has none."""
        tokens, *matrices = self.run()
        return np.array(tokens)[0], [np.array(matrix)[0] for matrix in matrices]


class Torch(Engine):
    implementation = "eager"

    def __init__(self, case, attention):
        super().__init__(case, attention)
        import torch
        import vit
        torch.set_grad_enabled(False)
        torch.set_num_threads(N_THREADS)
        self.module = vit.load_transformers(self.model, self.implementation)
        self.input = torch.from_numpy(self.pixels)

    def run(self):
        output = self.module(self.input, output_attentions=self.attention == "all")
        return output.last_hidden_state, *(output.attentions or ())


class TorchSdpa(Torch):
    implementation = "sdpa"


class OnnxRuntime(Engine):
    def __init__(self, case, attention):
        super().__init__(case, attention)
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = N_THREADS
        self.session = onnxruntime.InferenceSession(
            cases.graph_path(case, attention, "onnx"), options, providers=["CPUExecutionProvider"])

    def run(self):
        return self.session.run(None, {"pixels": self.pixels})


class OpenVino(Engine):
    ending = "onnx"

    def __init__(self, case, attention):
        super().__init__(case, attention)
        import openvino
        options = {"INFERENCE_NUM_THREADS": N_THREADS, "PERFORMANCE_HINT": "LATENCY",
                   "INFERENCE_PRECISION_HINT": "f32"}
        self.request = openvino.Core().compile_model(
            cases.graph_path(case, attention, self.ending), "CPU", options).create_infer_request()

    def run(self):
        output = self.request.infer({0: self.pixels}, share_inputs=True, share_outputs=True)
        return list(output.values())


class OpenVinoSdpa(OpenVino):
    ending = "xml"


class Ncnn(Engine):
    vulkan = False

    def __init__(self, case, attention):
        super().__init__(case, attention)
        import ncnn
        self.net = ncnn.Net()
        self.net.opt.num_threads = N_THREADS
        self.net.opt.use_vulkan_compute = self.vulkan
        for option in ["packed", "storage", "arithmetic"]:
            setattr(self.net.opt, f"use_fp16_{option}", False)
        if self.vulkan:
            self.net.set_vulkan_device(0)
        param = cases.graph_path(case, attention, "ncnn.param")
        self.net.load_param(str(param))
        self.net.load_model(str(param.with_suffix(".bin")))
        self.input = ncnn.Mat(self.pixels[0])

    def run(self):
        with self.net.create_extractor() as extractor:
            extractor.input("in0", self.input)
            return [np.array(extractor.extract("out0")[1])[None]]


class NcnnVulkan(Ncnn):
    vulkan = True


ENGINES = {
    "torch-eager": Torch,
    "torch-sdpa": TorchSdpa,
    "onnxruntime": OnnxRuntime,
    "openvino": OpenVino,
    "openvino-sdpa": OpenVinoSdpa,
    "ncnn": Ncnn,
    "ncnn-vulkan": NcnnVulkan,
}


def time_runs(engine, n_runs):
    seconds = []
    for _ in range(n_runs + 1):
        start = time.perf_counter()
        engine.run()
        seconds.append(time.perf_counter() - start)
    return seconds[1:]


def leave(status):
    """Ends the process without taking down libraries: ncnn's Vulkan does not always survive it."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def main(name, case, attention):
    engine = ENGINES[name](case, attention)
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(time_runs(engine, int(line))), flush=True)
    leave(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
