// SPDX-License-Identifier: Apache-2.0
// Nanoseconds of next and of step on 16 elements, as step.c measures them.
using System.Diagnostics;
using Noisewright;

const int Elements = 16, Steps = 10_000, Runs = 100;

using var context = new NoisewrightContext(new ContextOptions { Threads = 1 });
using var schedule = new Schedule();
using var sampler = new Sampler(context, schedule,
    new SamplerOptions { Steps = Steps, Rngs = [new Rng(1)] });
float[] x = new float[Elements], output = new float[Elements];
var state = new Tensor<float>(x, [1, Elements]);
var velocity = new Tensor<float>(output, [1, Elements]);

double next = double.PositiveInfinity, step = double.PositiveInfinity;
for (int run = 0; run < Runs; run++)
{
    sampler.Start(state);
    long begin = Stopwatch.GetTimestamp();
    for (int i = 0; i < Steps; i++)
    {
        sampler.Next(out _);
    }
    long middle = Stopwatch.GetTimestamp();
    for (int i = 0; i < Steps; i++)
    {
        sampler.Step(state, velocity);
    }
    long end = Stopwatch.GetTimestamp();
    next = Math.Min(next, Stopwatch.GetElapsedTime(begin, middle).TotalNanoseconds / Steps);
    step = Math.Min(step, Stopwatch.GetElapsedTime(middle, end).TotalNanoseconds / Steps);
}
Console.WriteLine($"C#  next {next:F1} ns  step {step:F1} ns");
