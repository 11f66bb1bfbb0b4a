#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the network of net.c by flow matching on Fashion-MNIST and writes what the examples need.

    train.py --steps N [--from w.f16] [--out FOLDER]

Needs PyTorch 2.6 and Debian's package dataset-fashion-mnist. Writes w.f16, ref.f32 and, when it ends, their
SHA-256; every 100 steps a line of the log on stdout. The same machine, number of threads and arguments give
the same bytes. After a warm-up the learning rate stays where it is until the last --cooldown of the steps,
over which it falls to nothing: a run can thus be prolonged without being begun anew.

The target is the velocity data - noise at x_t = (1 - t) noise + t data (Lipman et al. 2023,
arXiv:2210.02747); one label in ten is replaced by "no label" (Ho and Salimans 2022, arXiv:2207.12598).
"""
import argparse
import copy
import gzip
import hashlib
import math
import os
import time

import numpy
import torch
from torch import nn
from torch.nn import functional as F

DATA = "/usr/share/datasets/fashion-mnist"
HERE = os.path.dirname(os.path.abspath(__file__))
CLASSES, NO_LABEL, GROUPS, HEADS = 11, 10, 8, 4


class Residual(nn.Module):
    def __init__(self, inputs, outputs, embed):
        super().__init__()
        self.norm1 = nn.GroupNorm(GROUPS, inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.embed = nn.Linear(embed, 2 * outputs)
        self.norm2 = nn.GroupNorm(GROUPS, outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)

    def forward(self, x, e):
        h = self.conv1(F.silu(self.norm1(x)))
        scale, shift = self.embed(e)[:, :, None, None].chunk(2, 1)
        return self.skip(x) + self.conv2(F.silu(self.norm2(h) * (1 + scale) + shift))


class Attention(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)
        nn.init.zeros_(self.out.weight)

    def forward(self, x):
        batch, channels, height, width = x.shape
        y = self.qkv(self.norm(x).flatten(2).transpose(1, 2))
        q, k, v = y.reshape(batch, -1, 3, HEADS, channels // HEADS).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, -1, channels)
        return x + self.out(y).transpose(1, 2).reshape(x.shape)


class Network(nn.Module):
    """Its parameters, in the order in which they are made, are the order of w.f16."""

    def __init__(self, wide=32, deep=96, embed=192):
        super().__init__()
        self.register_buffer("frequencies", torch.exp(torch.linspace(0, math.log(1000.0), 32)))
        self.time1, self.time2 = nn.Linear(64, embed), nn.Linear(embed, embed)
        self.label = nn.Embedding(CLASSES, embed)
        self.first = nn.Conv2d(4, wide, 3, padding=1)
        self.down1, self.down2 = Residual(wide, wide, embed), Residual(wide, wide, embed)
        self.down = nn.Conv2d(wide, deep, 3, stride=2, padding=1)
        self.mid1, self.attention = Residual(deep, deep, embed), Attention(deep)
        self.mid2, self.mid3 = Residual(deep, deep, embed), Residual(deep, deep, embed)
        self.up = nn.Conv2d(deep, 4 * wide, 1)
        self.up1, self.up2 = Residual(2 * wide, wide, embed), Residual(wide, wide, embed)
        self.norm, self.last = nn.GroupNorm(GROUPS, wide), nn.Conv2d(wide, 4, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, x, t, label):
        angle = t[:, None] * self.frequencies
        e = self.time2(F.silu(self.time1(torch.cat([angle.sin(), angle.cos()], 1))))
        e = F.silu(e + self.label(label))
        h = self.first(F.pixel_unshuffle(x, 2))
        h = fine = self.down2(self.down1(h, e), e)
        h = self.attention(self.mid1(self.down(h), e))
        h = F.pixel_shuffle(self.up(self.mid3(self.mid2(h, e), e)), 2)
        h = self.up2(self.up1(torch.cat([h, fine], 1), e), e)
        return F.pixel_shuffle(self.last(F.silu(self.norm(h))), 2)


def axes(name, array):
    """From PyTorch's order of axes to the file's: [ky, kx, in, out] and [in, out]."""
    if array.ndim == 4:
        return array.transpose(2, 3, 1, 0)
    return array.T if array.ndim == 2 and name != "label.weight" else array


def read_weights(network, path):
    flat, used, state = numpy.fromfile(path, "<f2").astype("f4"), 0, {}
    for name, value in network.state_dict().items():
        view = axes(name, numpy.empty(value.shape, "f4"))
        view[...] = flat[used : used + view.size].reshape(view.shape)
        used += view.size
        state[name] = torch.from_numpy(view if view.base is None else view.base)
    assert used == flat.size
    network.load_state_dict(state)


def write_weights(network, folder):
    """w.f16, and ref.f32: what the network with these half-precision weights makes of eight inputs."""
    flat = [axes(name, value.numpy()).ravel() for name, value in network.state_dict().items()]
    numpy.concatenate(flat).astype("<f2").tofile(os.path.join(folder, "w.f16"))
    half = copy.deepcopy(network)
    half.load_state_dict({name: value.half().float() for name, value in network.state_dict().items()})
    random = torch.Generator().manual_seed(3)
    x, t = torch.randn(8, 1, 28, 28, generator=random), torch.rand(8, generator=random)
    label = torch.arange(8)
    with torch.no_grad():
        v = half(x, t, label)
    parts = [x.numpy().ravel(), t.numpy(), label.numpy().astype("f4"), v.numpy().ravel()]
    numpy.concatenate(parts).astype("<f4").tofile(os.path.join(folder, "ref.f32"))
    for name in "w.f16", "ref.f32":
        with open(os.path.join(folder, name), "rb") as file:
            print(hashlib.sha256(file.read()).hexdigest(), "", name)


def pictures(part):
    with gzip.open(os.path.join(DATA, part + "-images-idx3-ubyte.gz")) as file:
        x = numpy.frombuffer(file.read(), "u1", offset=16).reshape(-1, 1, 28, 28)
    with gzip.open(os.path.join(DATA, part + "-labels-idx1-ubyte.gz")) as file:
        label = numpy.frombuffer(file.read(), "u1", offset=8)
    return torch.from_numpy(x.copy()), torch.from_numpy(label.astype("i8"))


def batch_of(x, label, random, drop):
    data = x.float() / 127.5 - 1
    count = len(x)
    # One time in each of as many equal parts as there are samples: less variance than free draws.
    t = ((torch.arange(count) + torch.rand(1, generator=random)) / count)[torch.randperm(count, generator=random)]
    label = torch.where(torch.rand(count, generator=random) < drop, NO_LABEL, label)
    noise, at = torch.randn(data.shape, generator=random), t[:, None, None, None]
    return (1 - at) * noise + at * data, t, label, data - noise


def held_out(network):
    """The loss on the 10,000 pictures that are not trained on, with the same noise each time."""
    x, label = pictures("t10k")
    random, total = torch.Generator().manual_seed(1), 0.0
    with torch.no_grad():
        for i in range(0, len(x), 250):
            at, t, kind, velocity = batch_of(x[i : i + 250], label[i : i + 250], random, 0.1)
            total += F.mse_loss(network(at, t, kind), velocity).item() * len(at)
    return total / len(x)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--cooldown", type=float, default=0.4, help="the part of the steps over which the rate falls")
    parser.add_argument("--from", dest="start", metavar="FILE", help="weights to begin with")
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--average", type=float, default=0.999, help="decay of the average of the weights")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", default=HERE)
    a = parser.parse_args()
    print("#", " ".join("%s=%s" % item for item in vars(a).items() if item[0] not in ("out", "start")),
          "begun with " + os.path.basename(a.start) if a.start else "", "PyTorch", torch.__version__, flush=True)
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    random = torch.Generator().manual_seed(a.seed)
    network = Network()
    if a.start:
        read_weights(network, a.start)
    average = copy.deepcopy(network)
    optimizer = torch.optim.AdamW(network.parameters(), betas=(0.9, 0.99), weight_decay=0.01)
    x, label = pictures("train")
    began, loss, order = time.time(), None, torch.empty(0, dtype=torch.int64)
    print("held out %.5f" % held_out(average), flush=True)
    for step in range(a.steps):
        left = (a.steps - step) / (a.cooldown * a.steps)
        for group in optimizer.param_groups:
            group["lr"] = a.rate * min(1.0, (step + 1) / 150, left)
        if len(order) < a.batch:
            order = torch.randperm(len(x), generator=random)
        chosen, order = order[: a.batch], order[a.batch :]
        at, t, kind, velocity = batch_of(x[chosen], label[chosen], random, 0.1)
        error = F.mse_loss(network(at, t, kind), velocity)
        optimizer.zero_grad()
        error.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        decay = a.average if a.start else min(a.average, (1 + step) / (10 + step))
        with torch.no_grad():
            for mean, now in zip(average.parameters(), network.parameters()):
                mean.lerp_(now, 1 - decay)
        loss = error.item() if loss is None else 0.98 * loss + 0.02 * error.item()
        if (step + 1) % 100 == 0:
            print("%6d  %5.0f s  loss %.4f  rate %.2e" % (step + 1, time.time() - began, loss, group["lr"]), flush=True)
        if (step + 1) % 1000 == 0:
            print("held out %.5f" % held_out(average), flush=True)
    print("held out %.5f" % held_out(average))
    write_weights(average, a.out)


if __name__ == "__main__":
    main()
