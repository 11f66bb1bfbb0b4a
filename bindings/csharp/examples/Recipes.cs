// SPDX-License-Identifier: Apache-2.0
// Short recipes around a sampler: a configuration of another library, image-to-image, inpainting,
// scaling noise in and out, requests of different length in one batch. The model is exact, for data
// that are normal with mean 0.5 and deviation 0.2.
namespace Noisewright.Examples;

internal sealed class Recipes : IDisposable
{
    private const int Width = 256, Half = Width / 2, Rows = 3;

    private const string Text = """
        {"_class_name": "DPMSolverMultistepScheduler", "beta_schedule": "scaled_linear",
         "beta_start": 0.00085, "beta_end": 0.012, "use_karras_sigmas": true,
         "clip_sample": false, "made_up": 1}
        """;

    private static readonly long[] s_shape = [1, Width];

    // A configuration of another library: the schedule and what it says besides.
    private readonly NoisewrightContext _context = new();
    private readonly Schedule _schedule = Schedule.Import(Text, new ImportOptions { Steps = 20 });
    private readonly ImportedConfiguration _config;

    private Recipes() => _config = _schedule.Imported!;

    private Sampler Make(double[] times, int seed) => new(_context, _schedule, new SamplerOptions
    {
        Spec = _config.Sampler,
        Prediction = _config.Prediction,
        Clock = _config.Clock,
        Times = times,
        Rngs = [new Rng((ulong)seed)],
    });

    private double[] Times(int steps) => _schedule.Grid(_config.Grid, steps);

    // The noise in one sample at time t.
    private void Predict(double t, ReadOnlySpan<float> x, Span<float> noise)
    {
        Coefficients c = _schedule.Evaluate(t);
        double variance = c.Alpha * c.Alpha * 0.04 + c.Sigma * c.Sigma;
        for (int i = 0; i < x.Length; i++)
        {
            noise[i] = (float)(c.Sigma * (x[i] - c.Alpha * 0.5) / variance);
        }
    }

    private void Sample(double[] times, int seed, Span<float> x, StartFrom start)
    {
        using Sampler run = Make(times, seed);
        var state = new Tensor<float>(x, s_shape);
        run.Start(state, start);
        run.Run(state, (in Eval eval, ReadOnlyTensor<float> from, Tensor<float> noise) =>
            Predict(eval.T, from.Data, noise.Data));
    }

    private static double Mean(ReadOnlySpan<float> x)
    {
        double sum = 0;
        foreach (float value in x)
        {
            sum += value;
        }
        return sum / x.Length;
    }

    // After each step what is known stands where it is known, noised to the time of the state. The
    // mask is 1 where the model paints.
    private void Inpaint(double[] times, float[] x, float[] known, float[] mask)
    {
        float[] output = new float[Width], noised = new float[Width];
        var state = new Tensor<float>(x, s_shape);
        using Sampler run = Make(times, 42);
        run.Start(state, _config.Start);
        foreach (Eval eval in run.Evaluations())
        {
            Predict(eval.T, x, output);
            run.Step(state, new Tensor<float>(output, s_shape));
            run.Next(out Eval now); // the time at which x stands
            double t = now.T;
            _context.Corrupt(_schedule, new ReadOnlyTensor<double>(in t), Quantity.Noise, new Rng(7),
                Inputs.Of(Quantity.Data, new Tensor<float>(known, s_shape)),
                Outputs.Of(Quantity.State, new Tensor<float>(noised, s_shape)));
            _context.Blend(state, new Tensor<float>(noised, s_shape), new Tensor<float>(mask, s_shape));
        }
    }

    // Requests that begin at different times, of different length: each has a sampler on its own
    // slice; the model sees all slices that still run. Gives the calls of the model.
    private int InRounds(double[][] times, float[] x)
    {
        var output = new float[Width];
        var requests = new Sampler?[Rows];
        int calls = 0;
        for ((int round, bool active) = (0, true); active; round++)
        {
            active = false;
            for (int i = 0; i < Rows; i++)
            {
                Span<float> slice = x.AsSpan(i * Width, Width);
                var state = new Tensor<float>(slice, s_shape);
                if (round == 3 * i) // a request arrives
                {
                    requests[i] = Make(times[i], i);
                    requests[i]!.Start(state, _config.Start);
                }
                if (requests[i] is { } run && run.Next(out Eval eval))
                {
                    Predict(eval.T, slice, output); // together in a real model
                    run.Step(state, new Tensor<float>(output, s_shape));
                    active = true;
                }
            }
            calls += active ? 1 : 0;
        }
        foreach (Sampler? run in requests)
        {
            run?.Dispose();
        }
        return calls;
    }

    internal static void Run()
    {
        using var recipes = new Recipes();
        recipes.All();
    }

    private void All()
    {
        double[] times = Times(_config.Steps);
        var x = new float[Width];
        Sample(times, 42, x, _config.Start);
        Console.WriteLine($"{_config.Sampler} on {_config.Grid}: mean {Mean(x):F2}");
        foreach (string warning in _config.Warnings)
        {
            Console.WriteLine($"warning: {warning}");
        }

        // Image-to-image: a part of the grid, from a picture.
        float[] picture = [.. Enumerable.Range(0, Width).Select(i => i < Half ? 0.3f : 0.7f)];
        int first = Schedule.GridSkip(Strength.Floor, _config.Steps, 0.4);
        picture.CopyTo(x, 0);
        Sample(times[first..], 42, x, StartFrom.Data);
        Console.WriteLine($"strength 0.4 runs {_config.Steps - first} of {_config.Steps} steps: " +
            $"halves {Mean(x.AsSpan(0, Half)):F1} and {Mean(x.AsSpan(Half)):F1}");

        // Inpainting: the first half is known.
        Inpaint(times, x, picture, [.. Enumerable.Range(0, Width).Select(i => i < Half ? 0f : 1f)]);
        bool kept = x.AsSpan(0, Half).SequenceEqual(picture.AsSpan(0, Half));
        Console.WriteLine($"inpainted: what is known is {(kept ? "as it was" : "changed")}, " +
            $"the rest has mean {Mean(x.AsSpan(Half)):F1}");

        // Noise in and out: the state of a picture without noise is alpha times the picture.
        double alpha = _schedule.Evaluate(times[12]).Alpha;
        var state = new Tensor<float>(x, s_shape);
        _context.Combine(Terms.Of(alpha, new Tensor<float>(picture, s_shape)), state);
        _context.Combine(Terms.Of(1 / alpha, state), state);
        bool same = x.Zip(picture).All(pair => Math.Abs(pair.First - pair.Second) < 1e-6);
        Console.WriteLine($"scaled in and out: {(same ? "the picture" : "something else")}");

        // Requests of different length in one batch: the bits are those of runs alone.
        float[] alone = new float[Rows * Width], together = new float[Rows * Width];
        double[][] own = [Times(20), Times(12), Times(6)];
        for (int i = 0; i < Rows; i++)
        {
            Sample(own[i], i, alone.AsSpan(i * Width, Width), _config.Start);
        }
        int calls = InRounds(own, together);
        same = alone.AsSpan().SequenceEqual(together);
        Console.WriteLine($"3 requests in {calls} calls of the model: " +
            (same ? "the same bits as alone" : "other bits"));
    }

    public void Dispose()
    {
        _schedule.Dispose();
        _context.Dispose();
    }
}
