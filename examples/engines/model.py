#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the network of examples/fashion as an ONNX model, with the weights as half floats.
    model.py             writes fashion.onnx beside this file
    model.py --check     says whether that file is what would be written
Needs python3-onnx and python3-numpy, as Debian has them.

Inputs x[n, 28, 28], t[n] and label[n], 0 to 10; output v[n, 28, 28]. It computes in float32: the weights
are cast when a model is loaded. net.c is what it follows, layer by layer.
"""
import os
import sys

import numpy
import onnx
from onnx import TensorProto, helper

HERE = os.path.dirname(os.path.abspath(__file__))
SIDE, FINE, COARSE = 28, 14, 7
FREQUENCIES, EMBED, WIDE, DEEP, GROUPS, HEADS, CLASSES = 32, 192, 32, 96, 8, 4, 11
HEAD = DEEP // HEADS


class Graph:
    """Nodes and constants in the order in which they are made; names are made here, so they repeat."""

    def __init__(self, weights):
        self.weights, self.used = weights, 0
        self.nodes, self.constants, self.known = [], [], {}

    def op(self, kind, *inputs, outputs=1, **attributes):
        names = ["%s_%d" % (kind.lower(), len(self.nodes))]
        if outputs > 1:
            names = ["%s_%d" % (names[0], i) for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, names, **attributes))
        return names[0] if outputs == 1 else names

    def tensor(self, array):
        """A constant by its bytes: the same in every version of the package."""
        key = (str(array.dtype), array.shape, array.tobytes())
        if key not in self.known:
            name = self.known[key] = "c%d" % len(self.constants)
            kind = {"float16": TensorProto.FLOAT16, "float32": TensorProto.FLOAT, "int64": TensorProto.INT64}
            self.constants.append(
                helper.make_tensor(name, kind[str(array.dtype)], array.shape, array.tobytes(), raw=True))
        return self.known[key]

    def ints(self, *values):
        return self.tensor(numpy.array(values, "<i8"))

    def floats(self, *values):
        return self.tensor(numpy.array(values, "<f4"))

    def take(self, *shape):
        """The next weights of the file."""
        count = int(numpy.prod(shape))
        self.used += count
        return self.weights[self.used - count : self.used].reshape(shape)

    def weight(self, array):
        return self.op("Cast", self.tensor(numpy.ascontiguousarray(array)), to=TensorProto.FLOAT)

    def silu(self, x):
        return self.op("Mul", x, self.op("Sigmoid", x))

    def dense(self, x, inputs, outputs):
        w, bias = self.take(inputs, outputs), self.take(outputs)
        return self.op("Gemm", x, self.weight(w), self.weight(bias))

    def conv_of(self, size, inputs, outputs):
        """In the file weights are [ky][kx][input][output]."""
        w, bias = self.take(size, size, inputs, outputs), self.take(outputs)
        return w.transpose(3, 2, 0, 1), bias

    def conv(self, x, wb, stride=1):
        size = wb[0].shape[2]
        return self.op("Conv", x, self.weight(wb[0]), self.weight(wb[1]), kernel_shape=[size, size],
                       strides=[stride, stride], pads=[size // 2] * 4)

    def norm_of(self, channels):
        return self.take(channels), self.take(channels)

    def norm(self, x, side, gain_bias, factors=None):
        """Groups are normed as instances are: of (n, groups, all their numbers)."""
        channels = len(gain_bias[0])
        grouped = self.op("Reshape", x, self.ints(0, GROUPS, channels // GROUPS * side * side))
        normed = self.op("InstanceNormalization", grouped, self.floats(*[1] * GROUPS),
                         self.floats(*[0] * GROUPS), epsilon=1e-5)
        normed = self.op("Reshape", normed, self.ints(0, channels, side, side))
        gain, bias = (self.op("Reshape", self.weight(w), self.ints(channels, 1, 1)) for w in gain_bias)
        y = self.op("Add", self.op("Mul", normed, gain), bias)
        if factors is None:
            return y
        scale, shift = self.op("Split", factors, self.ints(channels, channels), outputs=2, axis=1)
        y = self.op("Mul", y, self.op("Add", scale, self.floats(1)))
        return self.op("Add", y, shift)

    def block(self, x, side, inputs, outputs, embedding):
        norm1, conv1 = self.norm_of(inputs), self.conv_of(3, inputs, outputs)
        factors = self.dense(embedding, EMBED, 2 * outputs)
        factors = self.op("Reshape", factors, self.ints(0, 2 * outputs, 1, 1))
        norm2, conv2 = self.norm_of(outputs), self.conv_of(3, outputs, outputs)
        y = self.conv(self.silu(self.norm(x, side, norm1)), conv1)
        y = self.conv(self.silu(self.norm(y, side, norm2, factors)), conv2)
        if inputs != outputs:
            x = self.conv(x, self.conv_of(1, inputs, outputs))
        return self.op("Add", y, x)

    def attention(self, x):
        normed = self.norm(x, COARSE, self.norm_of(DEEP))
        qkv = self.conv(normed, self.conv_of(1, DEEP, 3 * DEEP))
        qkv = self.op("Reshape", qkv, self.ints(0, 3, HEADS, HEAD, COARSE * COARSE))
        q, k, v = (self.op("Squeeze", part, self.ints(1)) for part in
                   self.op("Split", qkv, self.ints(1, 1, 1), outputs=3, axis=1))
        asked = self.op("Mul", self.op("Transpose", q, perm=[0, 1, 3, 2]), self.floats(HEAD ** -0.5))
        score = self.op("Softmax", self.op("MatMul", asked, k), axis=3)
        out = self.op("MatMul", v, self.op("Transpose", score, perm=[0, 1, 3, 2]))
        out = self.op("Reshape", out, self.ints(0, DEEP, COARSE, COARSE))
        return self.op("Add", self.conv(out, self.conv_of(1, DEEP, DEEP)), x)


def network(g):
    frequency = g.take(FREQUENCIES)
    angle = g.op("Mul", g.op("Unsqueeze", "t", g.ints(1)), g.weight(frequency))
    waves = g.op("Concat", g.op("Sin", angle), g.op("Cos", angle), axis=1)
    e = g.silu(g.dense(waves, 2 * FREQUENCIES, EMBED))
    e = g.dense(e, EMBED, EMBED)
    kind = g.op("Gather", g.weight(g.take(CLASSES, EMBED)), "label")
    e = g.silu(g.op("Add", e, kind))

    # 14 x 14 pixels of four channels, the corners of 2 x 2 squares.
    x = g.op("SpaceToDepth", g.op("Unsqueeze", "x", g.ints(1)), blocksize=2)
    x = g.conv(x, g.conv_of(3, 4, WIDE))
    x = g.block(x, FINE, WIDE, WIDE, e)
    kept = g.block(x, FINE, WIDE, WIDE, e)
    x = g.conv(kept, g.conv_of(3, WIDE, DEEP), stride=2)
    x = g.block(x, COARSE, DEEP, DEEP, e)
    x = g.attention(x)
    x = g.block(x, COARSE, DEEP, DEEP, e)
    x = g.block(x, COARSE, DEEP, DEEP, e)
    # Channel 4 i + corner of a coarse pixel is channel i of its corner.
    x = g.op("DepthToSpace", g.conv(x, g.conv_of(1, DEEP, 4 * WIDE)), blocksize=2, mode="CRD")
    x = g.op("Concat", x, kept, axis=1)
    x = g.block(x, FINE, 2 * WIDE, WIDE, e)
    x = g.block(x, FINE, WIDE, WIDE, e)
    x = g.silu(g.norm(x, FINE, g.norm_of(WIDE)))
    x = g.conv(x, g.conv_of(3, WIDE, 4))
    x = g.op("DepthToSpace", x, blocksize=2, mode="CRD")
    g.nodes.append(helper.make_node("Squeeze", [x, g.ints(1)], ["v"]))


def model():
    weights = numpy.fromfile(os.path.join(HERE, "../fashion/w.f16"), "<f2")
    g = Graph(weights)
    network(g)
    if g.used != weights.size:
        sys.exit("model.py: the network takes %d weights, the file has %d" % (g.used, weights.size))
    picture = ["n", SIDE, SIDE]
    graph = helper.make_graph(
        g.nodes, "fashion",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, picture),
         helper.make_tensor_value_info("t", TensorProto.FLOAT, ["n"]),
         helper.make_tensor_value_info("label", TensorProto.INT64, ["n"])],
        [helper.make_tensor_value_info("v", TensorProto.FLOAT, picture)], g.constants)
    # Both numbers are those of 2021: engines of then take it.
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], producer_name="noisewright")
    made.ir_version = 8
    onnx.checker.check_model(made, full_check=True)
    return made.SerializeToString(deterministic=True)


def main(arguments):
    if arguments not in ([], ["--check"]):
        sys.exit(__doc__)
    path = os.path.join(HERE, "fashion.onnx")
    made = model()
    if not arguments:
        with open(path, "wb") as file:
            file.write(made)
        return
    with open(path, "rb") as file:
        same = file.read() == made
    print("fashion.onnx is %s this script writes" % ("what" if same else "NOT what"))
    sys.exit(not same)


main(sys.argv[1:])
