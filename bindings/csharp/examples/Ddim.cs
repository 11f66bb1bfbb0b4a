// SPDX-License-Identifier: Apache-2.0
// Sampling with DDIM and a model of your own.
// The model here is exact, for data that are normal with mean 0.5 and deviation 0.2; what the
// result lacks of that is the error of 50 first-order steps.
namespace Noisewright.Examples;

internal static class Ddim
{
    // Your network: the noise in x at time t. For normal data it is a closed form.
    private static void Model(Schedule schedule, double t, ReadOnlySpan<float> x, Span<float> noise)
    {
        Coefficients c = schedule.Evaluate(t);
        double variance = c.Alpha * c.Alpha * 0.2 * 0.2 + c.Sigma * c.Sigma;
        for (int i = 0; i < x.Length; i++)
        {
            noise[i] = (float)(c.Sigma * (x[i] - c.Alpha * 0.5) / variance);
        }
    }

    internal static void Run()
    {
        using var context = new NoisewrightContext();
        using var cosine = new Schedule(Schedules.Cosine());
        using var sampler = new Sampler(context, cosine, new SamplerOptions
        {
            Spec = Samplers.Ddim(),
            Steps = 50,
            Prediction = Quantity.Noise,
            Rngs = [new Rng(42)],
        });
        var x = new float[8 * 512];
        var noise = new float[x.Length];
        var state = new Tensor<float>(x, [8, 512]);
        var output = new Tensor<float>(noise, [8, 512]);

        sampler.Start(state);
        int evaluations = 0;
        foreach (Eval eval in sampler.Evaluations())
        {
            Model(cosine, eval.Clock, x, noise);
            sampler.Step(state, output);
            evaluations++;
        }

        double mean = x.Average(v => (double)v);
        double square = x.Average(v => (double)v * v);
        Console.WriteLine(
            $"{evaluations} evaluations, mean {mean:F2}, deviation {Math.Sqrt(square - mean * mean):F2}");
    }
}
