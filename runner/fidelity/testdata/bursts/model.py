"""Works for as long as the config's parameters say, and tells what it was given.

Every item's answer is the execution that it was part of: when that began (CLOCK_MONOTONIC, ns, the
same clock in all processes of a machine), the process, the items and the requests in it. So a
client knows every executed batch and their order.
"""

import json
import os
import time

import numpy as np
import triton_python_backend_utils as pb_utils

SPIN_NS = 50_000  # slept to within this of a deadline, then spun


def wait_until(deadline):
    left = deadline - time.monotonic_ns()
    if left > SPIN_NS:
        time.sleep((left - SPIN_NS) / 1e9)
    while time.monotonic_ns() < deadline:
        pass


class TritonPythonModel:
    def initialize(self, args):
        config = json.loads(args["model_config"])
        given = {name: int(value["string_value"]) for name, value in config["parameters"].items()}
        self._base, self._each = given["base_ns"], given["each_ns"]
        self._batched = config["max_batch_size"] > 0

    def execute(self, requests):
        began = time.monotonic_ns()
        inputs = [pb_utils.get_input_tensor_by_name(r, "input").as_numpy() for r in requests]
        sizes = [len(array) if self._batched else 1 for array in inputs]
        wait_until(began + self._base + self._each * sum(sizes))
        row = np.array([began, os.getpid(), sum(sizes), len(requests)], np.int64)
        return [
            pb_utils.InferenceResponse([pb_utils.Tensor("batch", np.tile(row, (size, 1)))])
            for size in sizes
        ]
