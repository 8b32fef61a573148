"""A stand-in for a GPU model: right names and shapes, and the time of the real thing.

Every model folder of this repository runs this one file (the others link to it). What a model
costs is written in the profile.json beside its config.pbtxt; examples/MODELS.md explains both.

One execution of a batch of b items takes three steps:

    input copy   of this instance alone
    compute      on the device, which runs one execution at a time, whoever asks
    output copy  of this instance alone

so instances of a model overlap their copies, never their compute, as on one real GPU.
"""

import ctypes
import fcntl
import json
import math
import mmap
import os
import struct
import time

import numpy as np
import triton_python_backend_utils as pb_utils

SPIN_SECONDS = 50e-6  # slept to within this of a deadline, then spun: few cores, honest times
COPY_SECONDS_PER_BYTE = 0.25e-9  # what Triton's Python backend itself needs to hand a tensor over
KEEP_BYTES = 128 << 20
PR_SET_TIMERSLACK = 29  # <linux/prctl.h>
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # <malloc.h>


class Table:
    """Time by batch size: given points, straight lines between, the last slope beyond."""

    def __init__(self, points):
        self._pairs = sorted((int(size), float(ms)) for size, ms in points.items())
        if not self._pairs:
            raise ValueError("profile.json: a table of times needs at least one batch size")
        self._known = {}

    def seconds(self, size):
        if size not in self._known:
            self._known[size] = self._interpolate(size) / 1000.0
        return self._known[size]

    def _interpolate(self, size):
        pairs = self._pairs
        if len(pairs) == 1 or size <= pairs[0][0]:
            return pairs[0][1]
        upper = next((i for i, (known, _) in enumerate(pairs) if known >= size), len(pairs) - 1)
        (x0, y0), (x1, y1) = pairs[upper - 1], pairs[upper]
        return y0 + (y1 - y0) * (size - x0) / (x1 - x0)


class Device:
    """The one compute token of a device, shared by all instances of all models.

    A file in shared memory holds the moment (CLOCK_MONOTONIC, ns) until which the device is
    taken. Under an flock, which the kernel drops when its holder dies, an execution books
    [max(now, taken), + duration] and then waits for the end of its slot outside the lock. So a
    killed instance frees the device at the latest when its own slot ends, the order is that of
    asking, and a late wake-up of one process costs the others nothing.
    """

    def __init__(self, name):
        if not name.replace("-", "").replace("_", "").isalnum():
            raise ValueError(f"profile.json: device {name!r} must be a plain word")
        path = f"/dev/shm/tritonsweep-{name}"
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            if os.fstat(self._file).st_size < 8:
                os.ftruncate(self._file, 8)
            self._taken = mmap.mmap(self._file, 8)
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def book(self, seconds):
        """Returns the end (seconds, CLOCK_MONOTONIC) of a slot that no other execution has."""
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            (taken,) = struct.unpack("<q", self._taken[:8])
            end = max(time.monotonic_ns(), taken) + round(seconds * 1e9)
            self._taken[:8] = struct.pack("<q", end)
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)
        return end / 1e9


class Output:
    """One output of the model, and memory for it that is allocated once and used again."""

    def __init__(self, config):
        self.name = config["name"]
        self._dims = [int(dim) for dim in config["dims"]]
        self._memory = np.zeros(0, pb_utils.triton_string_to_numpy(config["data_type"]))

    def batch(self, source, firsts):
        """The answers to len(firsts) items of shape `source`; each begins with its `first`."""
        shape = self._item_shape(source)
        elements = len(firsts) * math.prod(shape)
        if elements > self._memory.size:
            self._memory = np.zeros(elements, self._memory.dtype)
        whole = self._memory[:elements].reshape(len(firsts), *shape)
        whole.reshape(len(firsts), -1)[:, 0] = firsts
        return whole

    def _item_shape(self, source):
        """A -1 in the config means: as many as the input has there (the detector's map is as
        large as its picture) or, when it comes first, one for each 8 columns (the recogniser)."""
        dims = self._dims
        if dims[0] == -1:
            return [max(1, source[-1] // 8), *dims[1:]]
        if -1 in dims and len(dims) != len(source):
            raise ValueError(f"output {self.name}: {dims} does not follow from an input {source}")
        return [dim if dim != -1 else source[axis] for axis, dim in enumerate(dims)]


def wait_until(deadline):
    """Sleeps, then spins for the last moment. Deadlines are absolute, so errors do not add up."""
    left = deadline - time.monotonic()
    if left > SPIN_SECONDS:
        time.sleep(left - SPIN_SECONDS)
    while time.monotonic() < deadline:
        pass


def settle_process():
    """Tells kernel and libraries what even times need."""
    libc = ctypes.CDLL(None)
    # The kernel may round a thread's sleeps up by 50 us; this thread asks for none of it.
    libc.prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)
    # Triton's Python backend copies every input into fresh memory. Kept memory saves it the page
    # faults, which would cost more than the copy.
    libc.mallopt(M_MMAP_MAX, 0)
    libc.mallopt(M_TRIM_THRESHOLD, KEEP_BYTES)
    np.seterr(invalid="ignore")  # an input's first number may be NaN and the output an integer


class TritonPythonModel:
    def initialize(self, args):
        started = time.monotonic()
        settle_process()
        config = json.loads(args["model_config"])
        with open(os.path.join(args["model_repository"], "profile.json"), encoding="utf-8") as file:
            profile = json.load(file)

        self._fail(config)
        self._scale = self._time_scale(config)
        self._input_copy = Table(profile["input_copy_ms"])
        self._compute = Table(profile["compute_ms"])
        self._output_copy = Table(profile["output_copy_ms"])
        self._reference = profile.get("reference_elements")
        self._device = Device(profile["device"])
        self._batched = config["max_batch_size"] > 0
        # Triton loads a config without inputs, and serves nothing with it; so does this.
        self._input = config["input"][0]["name"] if config["input"] else None
        self._outputs = [Output(output) for output in config["output"]]
        # Written, not only reserved: an instance must cost what the container is charged for.
        self._weights = np.ones(int(profile["memory_mib"]) << 20, np.uint8)
        wait_until(started + self._scale * float(profile["load_ms"]) / 1000.0)

    @staticmethod
    def _fail(config):
        """A model that does not start, for tests of whoever starts it."""
        how = config.get("parameters", {}).get("fails", {}).get("string_value")
        if how == "raises":
            raise ValueError("the parameter fails is raises")
        if how == "dies":
            os._exit(3)  # without a word, as a crash in a library would

    @staticmethod
    def _time_scale(config):
        scale = float(os.environ.get("TRITONSWEEP_TIME_SCALE") or 1)
        own = config.get("parameters", {}).get("time_scale")
        if own:
            scale *= float(own["string_value"])
        if not 0 <= scale < float("inf"):
            raise ValueError(f"time scale {scale} must be zero or a positive number")
        return scale

    def execute(self, requests):
        now = time.monotonic()
        inputs = [pb_utils.get_input_tensor_by_name(r, self._input).as_numpy() for r in requests]
        if not self._batched:
            inputs = [array[np.newaxis] for array in inputs]
        items = sum(len(array) for array in inputs)
        # How large an item is, of the item that the profile was measured with.
        size = math.prod(inputs[0].shape[1:]) / self._reference if self._reference else 1.0
        scale = self._scale * size

        wait_until(now + copy_left(scale * self._input_copy.seconds(items), inputs))
        end = self._device.book(scale * self._compute.seconds(items))
        responses, outputs = self._answers(inputs)  # while the device works
        wait_until(end)
        wait_until(end + copy_left(scale * self._output_copy.seconds(items), outputs))
        return responses

    def _answers(self, inputs):
        """Answers the requests of one batch, whose items have one shape.

        Each item's answer begins with the item's own first number, so that a caller can tell when
        answers were mixed up.
        """
        firsts = np.concatenate([array.reshape(len(array), -1)[:, 0] for array in inputs])
        wholes = [output.batch(inputs[0].shape[1:], firsts) for output in self._outputs]
        responses, at = [], 0
        for array in inputs:
            rows = slice(at, at + len(array)) if self._batched else 0
            at += len(array)
            responses.append(
                pb_utils.InferenceResponse(
                    [pb_utils.Tensor(o.name, whole[rows]) for o, whole in zip(self._outputs, wholes)]
                )
            )
        return responses, wholes


def copy_left(seconds, arrays):
    """What is left of a copy of `seconds` once the Python backend's own copying is counted in."""
    return max(0.0, seconds - COPY_SECONDS_PER_BYTE * sum(array.nbytes for array in arrays))
