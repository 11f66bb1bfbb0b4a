// SPDX-License-Identifier: Apache-2.0
// Two conversions: score from a noise prediction; SDE drift from a velocity and a score, with an
// amount of diffusion that has a name. The second once more as numbers, for code that does the
// arithmetic itself.
namespace Noisewright.Examples;

internal static class Transform
{
    internal static void Run()
    {
        float[] x = [1, 2, 3, 4], eps = [.1f, .2f, .3f, .4f];
        float[] velocity = new float[4], score = new float[4], drift = new float[4];
        const double T = 0.25;
        var state = new Tensor<float>(x, [1, 4]);
        var noise = new Tensor<float>(eps, [1, 4]);
        var v = new Tensor<float>(velocity, [1, 4]);
        var s = new Tensor<float>(score, [1, 4]);
        var d = new Tensor<float>(drift, [1, 4]);

        using var context = new NoisewrightContext();
        using var vp = new Schedule(Schedules.Vp());
        context.Transform(vp, T,
            Inputs.Of(Quantity.State, state).And(Quantity.Noise, noise),
            Outputs.Of(Quantity.Score, s).And(Quantity.Velocity, v));
        // w(t)^2 = 2 norm sigma(t)
        double diffusion = vp.Weigh(Weights.Diffusion(WeightForm.Sigma, norm: 0.5), T);
        context.Transform(vp, T,
            Inputs.Of(Quantity.Velocity, v).And(Quantity.Score, s),
            Outputs.Of(Quantity.Drift, d), diffusion);

        Span<double> factors = stackalloc double[2];
        vp.TransformFactors(T, [Quantity.Velocity, Quantity.Score], Quantity.Drift, factors,
            diffusion);
        Console.WriteLine($"score {score[0]:F4}  velocity {velocity[0]:F4}  drift {drift[0]:F4} = " +
            $"{factors[0]:F2}*velocity {factors[1]:+0.00;-0.00}*score");
    }
}
