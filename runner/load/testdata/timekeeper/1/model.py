"""Waits for a random while and answers with the instants at which it began and ended.

They are of CLOCK_MONOTONIC, which is one for all containers of a host, so that a client beside
the container can compare them with its own.
"""

import random
import time

import numpy as np
import triton_python_backend_utils as pb_utils

LEAST, MOST = 0.150, 0.450  # seconds, uniform: p50 300 ms, p99 447 ms


class TritonPythonModel:
    def initialize(self, args):
        self._random = random.Random(args["model_instance_name"])

    def execute(self, requests):
        responses = []
        for _ in requests:
            begun = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
            time.sleep(self._random.uniform(LEAST, MOST))
            ended = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
            instants = pb_utils.Tensor("instants", np.array([begun, ended], dtype=np.int64))
            responses.append(pb_utils.InferenceResponse(output_tensors=[instants]))
        return responses
