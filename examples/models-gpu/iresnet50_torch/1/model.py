"""IResNet-50 with random weights: a real load for a real GPU."""

import torch
import triton_python_backend_utils as pb_utils
from torch import nn
from torch.utils.dlpack import from_dlpack, to_dlpack


class Block(nn.Module):
    """The residual block of ArcFace's network (Deng et al., 2019)."""

    def __init__(self, channels_in, channels, stride):
        super().__init__()
        self.body = nn.Sequential(
            nn.BatchNorm2d(channels_in),
            nn.Conv2d(channels_in, channels, 3, 1, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.PReLU(channels),
            nn.Conv2d(channels, channels, 3, stride, 1, bias=False),
            nn.BatchNorm2d(channels),
        )
        self.shortcut = nn.Identity()
        if stride != 1 or channels_in != channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels_in, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x):
        return self.body(x) + self.shortcut(x)


def network():
    layers = [nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.PReLU(64)]
    channels_in = 64
    for channels, blocks in ((64, 3), (128, 4), (256, 14), (512, 3)):
        for i in range(blocks):
            layers.append(Block(channels_in, channels, 2 if i == 0 else 1))
            channels_in = channels
    layers += [nn.BatchNorm2d(512), nn.Flatten(), nn.Linear(512 * 7 * 7, 512)]
    return nn.Sequential(*layers)


class TritonPythonModel:
    def initialize(self, args):
        self.device = torch.device("cuda", int(args["model_instance_device_id"]))
        torch.manual_seed(1)
        torch.set_num_threads(1)  # instances are processes: together they would fight for the cores
        self.model = network().eval().half().to(self.device, memory_format=torch.channels_last)
        torch.backends.cudnn.benchmark = False  # no search at each new batch size
        # The first execution of a size loads its kernels: not the load's business.
        for size in (1, 8, 16, 32, 64):
            self.embed(torch.zeros((size, 3, 112, 112)))

    def embed(self, images):
        with torch.inference_mode():
            batch = images.to(self.device, non_blocking=True)
            batch = batch.half().contiguous(memory_format=torch.channels_last)
            return self.model(batch).float().cpu()

    def execute(self, requests):
        # By DLPack, not numpy: the stub of Triton 2.51 is older than numpy 2, and
        # sends arrays of it as tensors of no bytes.
        images = [from_dlpack(pb_utils.get_input_tensor_by_name(r, "input").to_dlpack()) for r in requests]
        answers = self.embed(torch.cat(images)).split([len(i) for i in images])
        return [
            pb_utils.InferenceResponse([pb_utils.Tensor.from_dlpack("output", to_dlpack(a.clone()))])
            for a in answers
        ]
