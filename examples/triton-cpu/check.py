"""Asks a Triton over HTTP for one inference of each model and checks the answers.

Usage: check.py URL [MODEL...]     exit 0: all well, 1: something is wrong, 14: nobody answers.
Needs nothing but Python 3.
"""

import json
import math
import struct
import sys
import time
import urllib.error
import urllib.request

BATCH = 2  # two items with different numbers: answers in the wrong order show
SIZES = {"FP32": ("f", 4), "INT64": ("q", 8), "INT32": ("i", 4)}
FREE = {  # what stands for a -1 in the inputs, and what must then come out, an item
    "paddleocr_det_trt": ([3, 64, 96], [1, 64, 96]),
    "paddleocr_rec_trt": ([3, 48, 320], [40, 438]),
    "paddleocr_det_trt_real": ([3, 64, 96], [1, 64, 96]),
    "paddleocr_rec_trt_real": ([3, 48, 320], [40, 6625]),
}


class Wrong(Exception):
    pass


def call(url, body=None, headers=None):
    # Without a type, urllib calls the body a web form, and Triton 2.51 then parses all of it as
    # one: megabytes of tensor crash the server.
    headers = {"Content-Type": "application/octet-stream", **(headers or {})}
    request = urllib.request.Request(url, body, headers)
    with urllib.request.urlopen(request, timeout=30) as response:
        return response.headers, response.read()


def call_json(url, body=None):
    return json.loads(call(url, body)[1] or b"null")


def pack(tensor, dims, items):
    """The bytes of `items` items; item i starts with the number i + 1 and is zero otherwise."""
    code, _ = SIZES[tensor["data_type"][5:]]
    rest = math.prod(dims) - 1
    return b"".join(struct.pack(f"<{code}", i + 1) + bytes(rest * struct.calcsize(code)) for i in range(items))


def infer(base, config):
    """One request in Triton's binary tensor format; returns {output: (shape, type, bytes)}."""
    name, source = config["name"], config["input"][0]
    dims = [int(dim) for dim in source["dims"]]
    if -1 in dims:
        dims = FREE[name][0]
    shape = [BATCH, *dims]
    payload = pack(source, dims, BATCH)
    head = json.dumps(
        {
            "inputs": [
                {
                    "name": source["name"],
                    "shape": shape,
                    "datatype": source["data_type"][5:],
                    "parameters": {"binary_data_size": len(payload)},
                }
            ],
            "parameters": {"binary_data_output": True},
        }
    ).encode()
    headers = {"Inference-Header-Content-Length": str(len(head))}
    answer_headers, answer = call(f"{base}/v2/models/{name}/infer", head + payload, headers)
    split = int(answer_headers["Inference-Header-Content-Length"])
    outputs, at = {}, split
    for output in json.loads(answer[:split])["outputs"]:
        size = output["parameters"]["binary_data_size"]
        outputs[output["name"]] = (output["shape"], output["datatype"], answer[at : at + size])
        at += size
    return outputs


def check_output(config, tensor, got):
    name = config["name"]
    want = [int(dim) for dim in tensor["dims"]]
    if -1 in want:
        want = FREE[name][1]
    shape, datatype, data = got
    if shape != [BATCH, *want] or datatype != tensor["data_type"][5:]:
        raise Wrong(f"{tensor['name']} is {datatype} {shape}, not {tensor['data_type'][5:]} {[BATCH, *want]}")
    code, size = SIZES[datatype]
    if len(data) != math.prod(shape) * size:
        raise Wrong(f"{tensor['name']} has {len(data)} bytes, its shape says {math.prod(shape) * size}")
    values = struct.unpack(f"<{len(data) // size}{code}", data)
    (check_real if name.endswith("_real") else check_stand_in)(tensor["name"], want, values)


def check_stand_in(output, dims, values):
    """A stand-in gives back each item's first number, so this answer is to this question."""
    firsts = values[:: math.prod(dims)]
    if list(firsts) != [i + 1 for i in range(BATCH)]:
        raise Wrong(f"{output} answers {list(firsts)}: mixed up")


def check_real(output, dims, values):
    """The real networks give probabilities: of text for a pixel, over characters for a step."""
    if not all(0 <= value <= 1 for value in values):
        raise Wrong(f"{output} holds a number outside 0..1")
    if len(dims) == 2:
        characters = dims[1]
        for start in range(0, len(values), characters):
            total = sum(values[start : start + characters])
            if abs(total - 1) > 1e-3:
                raise Wrong(f"{output}: probabilities of a step add up to {total:.4f}")


def check_model(base, model):
    try:
        call(f"{base}/v2/models/{model}/ready")
        config = call_json(f"{base}/v2/models/{model}/config")
        started = time.monotonic()
        outputs = infer(base, config)
        took = (time.monotonic() - started) * 1000
        for tensor in config["output"]:
            if tensor["name"] not in outputs:
                raise Wrong(f"no output {tensor['name']}")
            check_output(config, tensor, outputs[tensor["name"]])
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.read().decode(errors='replace').strip()}", None, 0
    except (Wrong, OSError, KeyError) as error:
        return str(error) or type(error).__name__, None, 0
    return "ok", took, len(outputs)


def main(arguments):
    base, models = arguments[0], arguments[1:]
    try:
        call(f"{base}/v2/health/ready")
        models = models or sorted(m["name"] for m in call_json(f"{base}/v2/repository/index", b"{}"))
    except OSError as error:
        print(f"error: no ready Triton at {base}: {error}", file=sys.stderr)
        return 14
    bad = 0
    print(f"{'model':<30} {'outputs':>7} {'ms':>7}  result")
    for model in models:
        result, took, outputs = check_model(base, model)
        bad += took is None
        print(f"{model:<30} {outputs:>7} {'-' if took is None else f'{took:.1f}':>7}  {result}")
    return 1 if bad or not models else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
