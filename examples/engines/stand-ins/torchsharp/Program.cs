// SPDX-License-Identifier: Apache-2.0
// Runs the recipe for TorchSharp. The network is a function that a run without an engine computes too:
// both have the same bits.
using Noisewright;
using static TorchSharp.torch;

long[] labels = [0, 3, 9];
using Tensor drawn = Pictures.Draw(new Network(), tensor(labels));

using var context = new NoisewrightContext();
using var flow = new Schedule();
using var sampler = new Sampler(context, flow, new SamplerOptions
{
    Spec = "heun(guidance=2)", Steps = 12, Rngs = [new Rng(42, 0), new Rng(42, 1), new Rng(42, 2)],
});
var plain = new float[labels.Length * 28 * 28];
var state = new Tensor<float>(plain, [labels.Length, 28, 28]);
sampler.Start(state);
sampler.Run(state, (in Eval eval, ReadOnlyTensor<float> x, Tensor<float> labelled, Tensor<float> free) =>
{
    for (int i = 0; i < x.Data.Length; i++)
    {
        labelled.Data[i] = x.Data[i] * -MathF.ScaleB(1, -(int)labels[i / (28 * 28)]);
        free.Data[i] = x.Data[i] * -MathF.ScaleB(1, -10);
    }
});
bool same = drawn.data<float>().ToArray().AsSpan().SequenceEqual(plain);
Console.WriteLine(same ? "the bits of a run without an engine" : "other bits than a run without an engine");
return same ? 0 : 1;

internal sealed class Network() : nn.Module<Tensor, Tensor, Tensor, Tensor>("stand-in")
{
    public override Tensor forward(Tensor x, Tensor t, Tensor label) =>
        x * -exp2(-label.to(ScalarType.Float32)).reshape(-1, 1, 1);
}
