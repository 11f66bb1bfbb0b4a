// SPDX-License-Identifier: Apache-2.0
// Owns runs of conformance cases: the models, and the three ways to drive a sampler.
using System.Runtime.InteropServices;

namespace Noisewright.Conformance;

internal sealed class Sampling<T>(NoisewrightContext context, Schedule schedule, Case c)
    where T : unmanaged
{
    // An evaluation that asks for k outputs gets those of the first k.
    private static readonly string[] s_models = ["model", "model2", "model3", "model4"];

    private readonly record struct Result(T[] X, T[] Denoised, int Evaluations);

    internal static Sampler Make(NoisewrightContext context, Schedule schedule, Case c) =>
        new(context, schedule, new SamplerOptions
        {
            Spec = c.Value("sampler"),
            Prediction = (Quantity)c.Choice("predict", Domain.Quantity, 0),
            Steps = c.Count("steps"),
            Times = c.Has("times") ? c.Numbers("times") : null,
            TimeRows = Math.Max(1, c.All("times").Count),
            Rngs = c.Has("seed") ? c.Rngs("seed") : null,
            Generator = c.Value("generator"),
            Clock = (Clock)c.Choice("clock", Domain.Clock, 0),
            KeepDenoised = c.Has("keep"),
        });

    internal string Sample()
    {
        int resume = c.Count("resume");
        List<Result> results = [ByStep(int.MaxValue, false), ByRun()];
        if (resume > 0)
        {
            results.Add(ByStep(resume, true));
        }
        Result first = results[0];
        bool same = results.All(r => r.Evaluations == first.Evaluations &&
            Bytes(r.X).SequenceEqual(Bytes(first.X)) &&
            Bytes(r.Denoised).SequenceEqual(Bytes(first.Denoised)));
        return (same ? Runner.Hash(first.X) : "DIFFER") + $" evals {first.Evaluations}" +
            (resume > 0 ? " resumed" : "") +
            (c.Has("keep") ? $" denoised {Runner.Hash(first.Denoised)}" : "");
    }

    internal string Save()
    {
        T[] x = Start(out Sampler sampler);
        using (sampler)
        {
            GoOn(sampler, x, c.Count("after"));
            byte[] bytes = sampler.Save();
            return $"{Runner.Hash(bytes)} bytes {bytes.Length}";
        }
    }

    private static ReadOnlySpan<byte> Bytes(T[] values) => MemoryMarshal.AsBytes<T>(values);

    private T[] Start(out Sampler sampler)
    {
        T[] x = Runner.Zeros<T>(c);
        if (c.All("init") is [var init])
        {
            context.RandomFill(Distribution.Normal, Case.Rng(init), new Tensor<T>(x, c.Shape));
        }
        sampler = Make(context, schedule, c);
        sampler.Start(new Tensor<T>(x, c.Shape), (StartFrom)c.Choice("start", Domain.Start, 0));
        return x;
    }

    // To the end, or until so many evaluations are done.
    private int GoOn(Sampler sampler, T[] x, int until)
    {
        T[][] outputs = [.. s_models.Select(_ => Runner.Zeros<T>(c))];
        long[] shape = c.Shape;
        var state = new Tensor<T>(x, shape);
        Eval eval;
        while (sampler.Next(out eval) && eval.Index < until)
        {
            int count = eval.Noises ? 0 : eval.OutputCount;
            for (int i = 0; i < count; i++)
            {
                Evaluate(s_models[i], eval, state, new Tensor<T>(outputs[i], shape));
            }
            Tensor<T> Given(int index) => index < count ? new(outputs[index], shape) : default;
            switch (count)
            {
                case 0: sampler.Step(state); break;
                case 1: sampler.Step(state, Given(0)); break;
                default: sampler.Step(state, Given(0), Given(1), Given(2), Given(3)); break;
            }
        }
        return eval.Index;
    }

    private Result ByStep(int pause, bool load)
    {
        T[] x = Start(out Sampler sampler);
        try
        {
            GoOn(sampler, x, pause);
            if (load)
            {
                byte[] bytes = sampler.Save();
                sampler.Dispose();
                sampler = Sampler.Load(context, schedule, bytes);
            }
            return End(sampler, x, GoOn(sampler, x, int.MaxValue));
        }
        finally
        {
            sampler.Dispose();
        }
    }

    private Result ByRun()
    {
        T[] x = Start(out Sampler sampler);
        using (sampler)
        {
            var state = new Tensor<T>(x, c.Shape);
            if (c.Has("model2"))
            {
                sampler.Run(state, (in Eval eval, ReadOnlyTensor<T> from, ModelOutputs<T> outputs) =>
                {
                    for (int i = 0; i < outputs.Count; i++)
                    {
                        Evaluate(s_models[i], eval, from, outputs[i]);
                    }
                });
            }
            else
            {
                sampler.Run(state, (in Eval eval, ReadOnlyTensor<T> from, Tensor<T> to) =>
                    Evaluate("model", eval, from, to));
            }
            sampler.Next(out Eval end);
            return End(sampler, x, end.Index);
        }
    }

    private Result End(Sampler sampler, T[] x, int evaluations)
    {
        T[] denoised = Runner.Zeros<T>(c);
        if (c.Has("keep"))
        {
            sampler.Denoised(new Tensor<T>(denoised, c.Shape));
        }
        return new Result(x, denoised, evaluations);
    }

    private void Evaluate(string key, in Eval eval, ReadOnlyTensor<T> x, Tensor<T> output)
    {
        string[] model = c.All(key)[0];
        double a = Case.Number(model[1]), b = model.Length > 2 ? Case.Number(model[2]) : 0;
        ReadOnlySpan<double> clocks = eval.ClockRows, scales = eval.InputScaleRows;
        ReadOnlySpan<T> from = x.Data;
        Span<T> to = output.Data;
        int per = from.Length / (int)x.Shape[0];
        for (int i = 0; i < from.Length; i++)
        {
            int row = clocks.Length == 1 ? 0 : i / per;
            to[i] = typeof(T) == typeof(double)
                ? Narrow(Double(model[0], a, b, Wide(from[i]), clocks[row], scales[row]))
                : Narrow(Single(model[0], (float)a, (float)b, (float)Wide(from[i]),
                    (float)clocks[row], (float)scales[row]));
        }
    }

    private static double Double(string model, double a, double b, double x, double clock,
        double scale) => model switch
        {
            "scale" => a * x,
            "affine" => a * x + b,
            "cubic" => x - a * x * x * x,
            "clock" => a * x + clock,
            "unit" => a * (scale * x),
            _ => throw new FormatException($"unknown model: {model}"),
        };

    // The casts round each operation, which C# else leaves open.
    private static float Single(string model, float a, float b, float x, float clock,
        float scale) => model switch
        {
            "scale" => a * x,
            "affine" => (float)(a * x) + b,
            "cubic" => x - (float)((float)((float)(a * x) * x) * x),
            "clock" => (float)(a * x) + clock,
            "unit" => a * (float)(scale * x),
            _ => throw new FormatException($"unknown model: {model}"),
        };

    private static double Wide(T value) => value switch
    {
        Half half => (double)half,
        BFloat16 brain => brain,
        float single => single,
        double number => number,
        _ => throw new NotSupportedException(),
    };

    // A double holds each element exactly.
    private static T Narrow(double value) =>
        typeof(T) == typeof(Half) ? (T)(object)(Half)(float)value
        : typeof(T) == typeof(BFloat16) ? (T)(object)(BFloat16)(float)value
        : typeof(T) == typeof(float) ? (T)(object)(float)value
        : (T)(object)value;
}
