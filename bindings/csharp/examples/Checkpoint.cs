// SPDX-License-Identifier: Apache-2.0
// Stops runs half way, saves them, loads them into new samplers and ends on the same bits.
// Two samplers: one that remembers an earlier output, one that draws random numbers.
namespace Noisewright.Examples;

internal static class Checkpoint
{
    private const int N = 1000, Steps = 20, BreakAt = 9;

    // Stands for a network: any function of x and t will do.
    private static void Model(double t, ReadOnlySpan<float> x, Span<float> velocity)
    {
        for (int i = 0; i < x.Length; i++)
        {
            velocity[i] = (float)t - 0.5f * x[i];
        }
    }

    // Goes on until the end, or until so many evaluations are done.
    private static void GoOn(Sampler sampler, float[] x, int until)
    {
        var velocity = new float[N];
        while (sampler.Next(out Eval eval) && eval.Index < until)
        {
            Model(eval.Clock, x, velocity);
            sampler.Step(new Tensor<float>(x, [1, N]), new Tensor<float>(velocity, [1, N]));
        }
    }

    internal static bool Run()
    {
        using var context = new NoisewrightContext();
        using var schedule = new Schedule();
        bool equal = true;
        foreach (Spec spec in (Spec[])[Samplers.Dpmpp2m(), Samplers.Ddim(eta: 1)])
        {
            float[] whole = new float[N], broken = new float[N];
            byte[] saved;
            using (var sampler = new Sampler(context, schedule,
                new SamplerOptions { Spec = spec, Steps = Steps, Rngs = [new Rng(7)] }))
            {
                sampler.Start(new Tensor<float>(whole, [1, N]));
                GoOn(sampler, whole, Steps);
                // The same sampler begins again, with the same noise.
                sampler.Start(new Tensor<float>(broken, [1, N]));
                GoOn(sampler, broken, BreakAt);
                saved = sampler.Save(); // x is yours: save it too
            }
            using (Sampler loaded = Sampler.Load(context, schedule, saved))
            {
                GoOn(loaded, broken, Steps);
            }
            bool same = whole.AsSpan().SequenceEqual(broken);
            equal &= same;
            Console.WriteLine($"{spec.Text,-12} saved after {BreakAt} of {Steps} evaluations: " +
                (same ? "same bits at the end" : "DIFFERENT at the end"));
        }
        return equal;
    }
}
