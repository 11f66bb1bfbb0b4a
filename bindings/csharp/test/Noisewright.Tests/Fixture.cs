// SPDX-License-Identifier: Apache-2.0
// Owns what several tests share: a small run, and where the repository is.
using System.Reflection;

namespace Noisewright.Tests;

internal static class Fixture
{
    internal static readonly long[] Shape = [4, 16];

    internal const int Elements = 64;

    internal static string Root { get; } = typeof(Fixture).Assembly
        .GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(a => a.Key == "RepositoryRoot").Value!;

    internal static Sampler MakeSampler(NoisewrightContext context, Schedule schedule,
        Spec spec = default, int steps = 8) =>
        new(context, schedule, new SamplerOptions
        {
            Spec = spec,
            Steps = steps,
            Rngs = [new Rng(7)],
            KeepDenoised = true,
        });

    // Stands for a network.
    internal static void Model(in Eval eval, ReadOnlyTensor<float> x, Tensor<float> output)
    {
        ReadOnlySpan<float> from = x.Data;
        Span<float> to = output.Data;
        for (int i = 0; i < from.Length; i++)
        {
            to[i] = (float)eval.Clock - 0.5f * from[i];
        }
    }

    internal static float[] Sample(NoisewrightContext context, Schedule schedule, Spec spec = default)
    {
        using Sampler sampler = MakeSampler(context, schedule, spec);
        var x = new float[Elements];
        sampler.Sample<float>(new Tensor<float>(x, Shape), Model);
        return x;
    }
}

// Reports on the caller's thread, which Progress<T> does not.
internal sealed class Progress(Action<Eval> report) : IProgress<Eval>
{
    public void Report(Eval value) => report(value);
}
