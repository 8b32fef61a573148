"""Runs a real network with onnxruntime on the CPU: nothing here is made up.

The config's parameter `network` names the .onnx file. Requests that Triton put into one batch have
equal shapes, so they run as one. Both _real models use this file.
"""

import json

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def initialize(self, args):
        config = json.loads(args["model_config"])
        options = onnxruntime.SessionOptions()
        # One thread an instance, and no spinning for work: else instances fight for the cores.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            config["parameters"]["network"]["string_value"],
            options,
            providers=["CPUExecutionProvider"],
        )
        self._source = self._session.get_inputs()[0].name
        self._input = config["input"][0]["name"]
        self._output = config["output"][0]["name"]

    def execute(self, requests):
        inputs = [pb_utils.get_input_tensor_by_name(r, self._input).as_numpy() for r in requests]
        batch = inputs[0] if len(inputs) == 1 else np.concatenate(inputs)
        (answer,) = self._session.run(None, {self._source: batch})
        ends = np.cumsum([len(part) for part in inputs])[:-1]
        return [
            pb_utils.InferenceResponse(output_tensors=[pb_utils.Tensor(self._output, rows)])
            for rows in np.split(answer, ends)
        ]
