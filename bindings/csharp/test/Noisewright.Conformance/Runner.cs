// SPDX-License-Identifier: Apache-2.0
// Owns what a case of each kind does with the binding, and the line that it prints.
using System.Runtime.InteropServices;
using System.Text;

namespace Noisewright.Conformance;

/// <summary>Answers conformance cases.</summary>
/// <param name="context">Where they run.</param>
public sealed class Runner(NoisewrightContext context)
{
    /// <summary>The lines of a file of cases.</summary>
    /// <param name="path">The file.</param>
    /// <returns>"NAME RESULT" of each case in order.</returns>
    public IEnumerable<string> Lines(string path) => Case.Read(path).Select(c => $"{c.Name} {Result(c)}");

    private string Result(Case c)
    {
        if (c.Value("call") == "schedule")
        {
            return Refusal(c, () => MakeSchedule(c).Dispose());
        }
        using Schedule schedule = MakeSchedule(c);
        switch (c.Kind)
        {
            case "grid":
                return Hash(Grid(c, schedule));
            case "eval":
                double[] times = c.Numbers("times");
                var coefficients = new Coefficients[times.Length];
                schedule.Evaluate(times, coefficients);
                return Hash(coefficients);
            case "invert":
                double[] lambdas = c.Numbers("lambdas");
                schedule.Invert(lambdas, lambdas);
                return Hash(lambdas);
            case "weigh":
                return Hash(Weigh(c, schedule));
            case "coeffs":
                return Factors(c, schedule);
            case "import":
                return Import(c);
            case "strength":
                return $"{Skip(c)}";
            case "catalog":
                return Hash(Encoding.UTF8.GetBytes(string.Concat(
                    Catalog.Entries((Domain)c.Count("domain"))
                        .Select(e => $"{e.Name} {e.Value} {e.Settings.Count}\n"))));
            case "error":
                return Refusal(c, () => Call(c, schedule));
            default:
                return WithTensors(c, schedule);
        }
    }

    private static Dtype DtypeOf(Case c) => (Dtype)c.Choice("dtype", Domain.Dtype, (int)Dtype.F32);

    private string WithTensors(Case c, Schedule schedule) => DtypeOf(c) switch
    {
        Dtype.F16 => WithTensors<Half>(c, schedule),
        Dtype.Bf16 => WithTensors<BFloat16>(c, schedule),
        Dtype.F32 => WithTensors<float>(c, schedule),
        _ => WithTensors<double>(c, schedule),
    };

    private string WithTensors<T>(Case c, Schedule schedule) where T : unmanaged
    {
        switch (c.Kind)
        {
            case "random" when c.Has("generator"):
                return Generate<T>(c);
            case "random":
                var what = (Distribution)c.Choice("distribution", Domain.Distribution, 0);
                return Hash(Drawn<T>(c, what, c.Rngs("seed")));
            case "density":
                return Hash(Times<T>(c, schedule));
            case "transform":
                return Transform<T>(c, schedule);
            case "combine":
                return Combine<T>(c);
            case "blend":
                return Blend<T>(c);
            case "sample":
                return new Sampling<T>(context, schedule, c).Sample();
            case "save":
                return new Sampling<T>(context, schedule, c).Save();
            default:
                throw new FormatException($"unknown kind: {c.Kind}");
        }
    }

    private static Schedule MakeSchedule(Case c) => c.Has("table")
        ? Schedule.FromTable(c.Numbers("table"), (Spec)c.Value("schedule"))
        : new Schedule(c.Value("schedule"));

    private static Schedule MakeImport(Case c) => Schedule.Import(string.Join(' ', c.All("text")[0]),
        new ImportOptions
        {
            Steps = c.Count("steps"),
            Schedule = c.Value("schedule"),
            Parameters = c.All("set").ToDictionary(words => words[0], words => Case.Number(words[1])),
        });

    private static string Import(Case c)
    {
        using Schedule schedule = MakeImport(c);
        ImportedConfiguration got = schedule.Imported!;
        string text = $"{got.Source}\n{schedule.Spec}\n{got.Grid}\n{got.Sampler}\n" +
            $"{(int)got.Prediction} {(int)got.Clock} {(int)got.Start} {(int)got.ClockScale} {got.Steps}\n" +
            string.Concat(got.Warnings.Select(warning => warning + "\n"));
        return $"{Hash(Encoding.UTF8.GetBytes(text))} warnings {got.Warnings.Count}";
    }

    private static int Skip(Case c) => Schedule.GridSkip((Strength)c.Choice("rule", Domain.Strength, 0),
        c.Count("steps"), c.Numbers("strength")[0]);

    private string Generate<T>(Case c) where T : unmanaged
    {
        T[] numbers = Zeros<T>(c);
        Rng[] rngs = c.Rngs("seed");
        double[] levels = c.Has("levels") ? c.Numbers("levels") : [0, 0];
        context.RandomGenerate(c.Value("generator"),
            (Distribution)c.Choice("distribution", Domain.Distribution, 0), rngs.AsSpan(),
            new Tensor<T>(numbers, c.Shape), levels[0], levels[1]);
        return Hash(numbers) +
            string.Concat(rngs.Select(rng => $" {rng.Seed} {rng.Stream} {rng.Offset}"));
    }

    private static double[] Grid(Case c, Schedule schedule)
    {
        var times = new double[c.Count("count")];
        schedule.Grid(c.Value("grid"), times.AsSpan());
        return times;
    }

    private static double[] Weigh(Case c, Schedule schedule)
    {
        double[] times = c.Numbers("times");
        schedule.Weigh(c.Value("weight"), times, times);
        return times;
    }

    private T[] Times<T>(Case c, Schedule schedule) where T : unmanaged
    {
        T[] times = Zeros<T>(c);
        context.RandomTimes(schedule, c.Value("density"), c.Rngs("seed"),
            new Tensor<T>(times, c.Shape));
        return times;
    }

    private static string Factors(Case c, Schedule schedule)
    {
        Quantity[] inputs = [.. c.All("input").Select(words => Named(words[0]))];
        var factors = new double[inputs.Length];
        schedule.TransformFactors(c.Numbers("times")[0], inputs,
            (Quantity)c.Choice("output", Domain.Quantity, 0), factors,
            c.Has("diffusion") ? c.Numbers("diffusion")[0] : 0);
        return Hash(factors);
    }

    private T[] Drawn<T>(Case c, Distribution what, Rng[] rngs) where T : unmanaged
    {
        T[] numbers = Zeros<T>(c);
        context.RandomFill(what, rngs, new Tensor<T>(numbers, c.Shape));
        return numbers;
    }

    // The tensors of `array`, normals each.
    private T[][] Arrays<T>(Case c) where T : unmanaged =>
        [.. c.All("array").Select(words => Drawn<T>(c, Distribution.Normal, [Case.Rng(words)]))];

    private string Combine<T>(Case c) where T : unmanaged
    {
        Terms terms = default;
        foreach ((double factor, T[] numbers) in c.Numbers("factors").Zip(Arrays<T>(c)))
        {
            terms = terms.And(factor, new Tensor<T>(numbers, c.Shape));
        }
        T[] result = Zeros<T>(c);
        context.Combine(terms, new Tensor<T>(result, c.Shape));
        return Hash(result);
    }

    private string Blend<T>(Case c) where T : unmanaged
    {
        T[][] arrays = Arrays<T>(c);
        T[] mask = Drawn<T>(c, Distribution.Uniform, [Case.Rng(c.All("mask")[0])]);
        context.Blend(new Tensor<T>(arrays[0], c.Shape), new Tensor<T>(arrays[1], c.Shape),
            new Tensor<T>(mask, c.Shape));
        return Hash(arrays[0]);
    }

    private string Transform<T>(Case c, Schedule schedule) where T : unmanaged
    {
        long[] shape = c.Shape;
        Inputs inputs = default;
        foreach (string[] words in c.All("input"))
        {
            T[] numbers = Drawn<T>(c, Distribution.Normal, [Case.Rng(words.AsSpan(1))]);
            inputs = inputs.And(Named(words[0]), new Tensor<T>(numbers, shape));
        }
        Outputs outputs = default;
        var results = new List<T[]>();
        foreach (string[] words in c.All("output"))
        {
            results.Add(Zeros<T>(c));
            outputs = outputs.And(Named(words[0]), new Tensor<T>(results[^1], shape));
        }
        double[] times = c.Numbers("times"), diffusion = c.Numbers("diffusion");
        if (c.All("drawn") is [var drawn])
        {
            context.Corrupt(schedule, Vector(times), Named(drawn[0]), Case.Rng(drawn.AsSpan(1)), inputs,
                outputs);
        }
        else
        {
            context.Transform(schedule, Vector(times), inputs, outputs,
                diffusion.Length == 0 ? default : Vector(diffusion));
        }
        return string.Join(' ', results.Select(Hash));
    }

    // One number stands for every sample.
    private static ReadOnlyTensorRef Vector(double[] numbers) => numbers.Length == 1
        ? new ReadOnlyTensor<double>(in numbers[0])
        : new ReadOnlyTensor<double>(numbers, (long[])[numbers.Length]);

    private void Call(Case c, Schedule schedule)
    {
        switch (c.Value("call"))
        {
            case "grid":
                Grid(c, schedule);
                break;
            case "weigh":
                Weigh(c, schedule);
                break;
            case "import":
                MakeImport(c).Dispose();
                break;
            case "strength":
                Skip(c);
                break;
            case "random":
                Generate<float>(c);
                break;
            case "sampler":
                Sampling<float>.Make(context, schedule, c).Dispose();
                break;
            case "density" when DtypeOf(c) == Dtype.I64:
                Times<long>(c, schedule);
                break;
            case "density":
                Times<float>(c, schedule);
                break;
            default:
                throw new FormatException($"unknown call: {c.Value("call")}");
        }
    }

    private static string Refusal(Case c, Action call)
    {
        try
        {
            call();
            return "0 silent";
        }
        catch (NoisewrightException e)
        {
            bool all = c.All("says").SelectMany(words => words).All(e.Message.Contains);
            return $"{(int)e.Status} {(all ? "says" : "silent")}";
        }
    }

    private static Quantity Named(string name) => (Quantity)Catalog.Find(Domain.Quantity, name);

    internal static T[] Zeros<T>(Case c) => new T[c.Shape.Aggregate(1L, (n, extent) => n * extent)];

    // FNV-1a, 64 bits.
    internal static string Hash<T>(T[] values) where T : unmanaged
    {
        ulong hash = 0xcbf29ce484222325;
        foreach (byte b in MemoryMarshal.AsBytes<T>(values))
        {
            hash = unchecked((hash ^ b) * 0x100000001b3);
        }
        return hash.ToString("x16");
    }
}
