// SPDX-License-Identifier: Apache-2.0
// One training batch: a random time per sample, then the noisy state and the regression target in
// one pass over memory. The noise is made on the way and stored nowhere.
namespace Noisewright.Examples;

internal static class Train
{
    internal static void Run()
    {
        const int B = 4, D = 6;
        float[] x1 = [.. Enumerable.Range(0, B * D).Select(i => i / 10f)];
        float[] xt = new float[B * D], target = new float[B * D];
        var t = new float[B];
        var data = new Tensor<float>(x1, [B, D]);
        var state = new Tensor<float>(xt, [B, D]);
        var velocity = new Tensor<float>(target, [B, D]);
        var times = new Tensor<float>(t, [B]); // one time per sample

        using var context = new NoisewrightContext();
        using var flow = new Schedule(); // rectified flow
        // Two streams of one seed; the next batch would begin where this one ends: Rng.Skip.
        context.RandomTimes(flow, Densities.LogitNormal(), new Rng(1, 0), times);
        context.Corrupt(flow, times, Quantity.Noise, new Rng(1, 1),
            Inputs.Of(Quantity.Data, data),
            Outputs.Of(Quantity.State, state).And(Quantity.Velocity, velocity));

        for (int b = 0; b < B; b++)
        {
            int i = b * D;
            float eps = x1[i] - target[i]; // of a straight line, the target is data - noise
            float wrong = Math.Abs(xt[i] - (t[b] * x1[i] + (1 - t[b]) * eps));
            Console.WriteLine($"t={t[b]:F3}  x_t={xt[i]:+0.000;-0.000}  target={target[i]:+0.000;-0.000}  " +
                (wrong < 1e-5f ? "as by hand" : "WRONG"));
        }
    }
}
