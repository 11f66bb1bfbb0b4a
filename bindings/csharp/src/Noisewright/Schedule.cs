// SPDX-License-Identifier: Apache-2.0
// Owns schedules, and what follows from one alone: coefficients, grids, weights.
using System.Runtime.InteropServices;
using Noisewright.Interop;

namespace Noisewright;

/// <summary>x_t = alpha(t) data + sigma(t) noise + gamma(t) latent. Immutable: threads may share
/// it.</summary>
public sealed unsafe partial class Schedule : IDisposable
{
    internal readonly ScheduleHandle Handle = new();

    /// <summary>Makes a schedule by name.</summary>
    /// <param name="spec">"cosine(s=0.008)", or of <see cref="Schedules"/>. None is linear, the
    /// rectified flow.</param>
    /// <exception cref="NoisewrightException">There is no such schedule or setting.</exception>
    public Schedule(Spec spec = default)
    {
        NwrScheduleOptions options = default;
        Create(spec, ref options);
    }

    private Schedule(Spec spec, ref NwrScheduleOptions options) => Create(spec, ref options);

    private void Create(Spec spec, ref NwrScheduleOptions options)
    {
        fixed (byte* name = Utf8.Of(spec.Text))
        {
            options.StructSize = (uint)sizeof(NwrScheduleOptions);
            options.Name = name;
            void* made;
            fixed (NwrScheduleOptions* given = &options)
            {
                Outcome.Check(Native.ScheduleCreate(given, &made));
            }
            Handle.Take(made);
        }
    }

    /// <summary>Makes a discrete schedule from a table of alpha_bar, falling, or of betas.</summary>
    /// <param name="table">One number for each index; copied.</param>
    /// <param name="betas">Whether the table holds betas.</param>
    /// <returns>The schedule.</returns>
    public static Schedule FromTable(ReadOnlySpan<double> table, bool betas = false) =>
        FromTable(table, Schedules.Table(betas));

    /// <summary>Makes a discrete schedule from a table, with settings.</summary>
    /// <param name="table">One number for each index; copied.</param>
    /// <param name="spec">Of <see cref="Schedules.Table"/>.</param>
    /// <returns>The schedule.</returns>
    public static Schedule FromTable(ReadOnlySpan<double> table, Spec spec)
    {
        fixed (double* numbers = table)
        {
            NwrScheduleOptions options = new() { Table = numbers, TableCount = (nuint)table.Length };
            return new Schedule(spec, ref options);
        }
    }

    /// <summary>Makes a schedule from a function of your own, which is kept.</summary>
    /// <param name="coefficients">The coefficients at a time.</param>
    /// <param name="tNoise">Where sampling begins.</param>
    /// <param name="tData">Where sampling ends.</param>
    /// <returns>The schedule.</returns>
    public static Schedule FromFunction(CoefficientFunction coefficients, double tNoise = 0,
        double tData = 1)
    {
        ArgumentNullException.ThrowIfNull(coefficients);
        void* user = Callbacks.Hold(coefficients);
        NwrScheduleOptions options = new()
        {
            TNoise = tNoise,
            TData = tData,
            Coeffs = &Callbacks.Coefficients,
            Release = &Callbacks.Release,
            User = user,
        };
        try
        {
            return new Schedule("custom", ref options);
        }
        catch
        {
            // The library releases only what it has made.
            Callbacks.LetGo(user);
            throw;
        }
    }

    /// <summary>What makes this schedule again.</summary>
    public Spec Spec
    {
        get
        {
            using var schedule = new Lease(Handle);
            return Outcome.Text(Info(schedule).Spec);
        }
    }

    /// <summary>The time of noise, where sampling begins.</summary>
    public double TNoise
    {
        get
        {
            using var schedule = new Lease(Handle);
            return Info(schedule).TNoise;
        }
    }

    /// <summary>The time of data, where sampling ends.</summary>
    public double TData
    {
        get
        {
            using var schedule = new Lease(Handle);
            return Info(schedule).TData;
        }
    }

    private static NwrScheduleInfo Info(in Lease schedule)
    {
        NwrScheduleInfo info = new() { StructSize = (uint)sizeof(NwrScheduleInfo) };
        Outcome.Check(Native.ScheduleGetInfo(schedule.Pointer, &info));
        return info;
    }

    /// <summary>The coefficients at a time.</summary>
    /// <param name="t">A time between the ends.</param>
    /// <returns>The coefficients.</returns>
    public Coefficients Evaluate(double t)
    {
        using var schedule = new Lease(Handle);
        Coefficients result;
        Outcome.Check(Native.ScheduleEval(schedule.Pointer, &t, 1, (NwrCoeffs*)&result));
        return result;
    }

    /// <summary>The coefficients at many times.</summary>
    /// <param name="times">Times between the ends.</param>
    /// <param name="coefficients">As many places.</param>
    public void Evaluate(ReadOnlySpan<double> times, Span<Coefficients> coefficients)
    {
        SameLength(times.Length, coefficients.Length, nameof(coefficients));
        using var schedule = new Lease(Handle);
        fixed (double* from = times)
        fixed (Coefficients* to = coefficients)
        {
            Outcome.Check(
                Native.ScheduleEval(schedule.Pointer, from, (nuint)times.Length, (NwrCoeffs*)to));
        }
    }

    /// <summary>The time at which log(alpha/sigma) has a value.</summary>
    /// <param name="lambda">The value; infinities stand for ends that reach them.</param>
    /// <returns>The time.</returns>
    public double Invert(double lambda)
    {
        using var schedule = new Lease(Handle);
        double result;
        Outcome.Check(Native.ScheduleInvert(schedule.Pointer, &lambda, 1, &result));
        return result;
    }

    /// <summary>The times at which log(alpha/sigma) has given values.</summary>
    /// <param name="lambdas">The values.</param>
    /// <param name="times">As many places, or the same.</param>
    public void Invert(ReadOnlySpan<double> lambdas, Span<double> times)
    {
        SameLength(lambdas.Length, times.Length, nameof(times));
        using var schedule = new Lease(Handle);
        fixed (double* from = lambdas, to = times)
        {
            Outcome.Check(
                Native.ScheduleInvert(schedule.Pointer, from, (nuint)lambdas.Length, to));
        }
    }

    /// <summary>A named function of the schedule at a time.</summary>
    /// <param name="weight">Of <see cref="Weights"/>. None is the forward SDE's g^2.</param>
    /// <param name="t">The time.</param>
    /// <returns>An amount of diffusion, or the weight of a training loss.</returns>
    public double Weigh(Spec weight, double t)
    {
        double result = t;
        Weigh(weight, new ReadOnlySpan<double>(in t), new Span<double>(ref result));
        return result;
    }

    /// <summary>A named function of the schedule: an amount of diffusion, or the weight of a
    /// training loss.</summary>
    /// <param name="weight">Of <see cref="Weights"/>. None is the forward SDE's g^2.</param>
    /// <param name="times">The times.</param>
    /// <param name="weights">As many places, or the same.</param>
    public void Weigh(Spec weight, ReadOnlySpan<double> times, Span<double> weights)
    {
        SameLength(times.Length, weights.Length, nameof(weights));
        using var schedule = new Lease(Handle);
        fixed (byte* name = Utf8.Of(weight.Text))
        fixed (double* from = times, to = weights)
        {
            NwrWeightOptions options = new()
            {
                StructSize = (uint)sizeof(NwrWeightOptions),
                Name = name,
            };
            Outcome.Check(
                Native.ScheduleWeigh(schedule.Pointer, &options, from, (nuint)times.Length, to));
        }
    }

    /// <summary>A grid of times, from the first to the last.</summary>
    /// <param name="grid">Of <see cref="Grids"/>. None is even in t.</param>
    /// <param name="steps">One less than the times.</param>
    /// <param name="begin">With end 0 too: the schedule's own.</param>
    /// <param name="end">The last time.</param>
    /// <returns>The times.</returns>
    public double[] Grid(Spec grid, int steps, double begin = 0, double end = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(steps);
        var times = new double[steps + 1];
        Grid(grid, times, begin, end);
        return times;
    }

    /// <summary>Writes a grid of times, from the first to the last.</summary>
    /// <param name="grid">Of <see cref="Grids"/>. None is even in t.</param>
    /// <param name="times">One more than the steps.</param>
    /// <param name="begin">With end 0 too: the schedule's own.</param>
    /// <param name="end">The last time.</param>
    public void Grid(Spec grid, Span<double> times, double begin = 0, double end = 0)
    {
        using var schedule = new Lease(Handle);
        fixed (byte* name = Utf8.Of(grid.Text))
        // Not "= times", which is null for no times: the library then says what is wrong with 0.
        fixed (double* to = &MemoryMarshal.GetReference(times))
        {
            NwrGridOptions options = new()
            {
                StructSize = (uint)sizeof(NwrGridOptions),
                Name = name,
                TBegin = begin,
                TEnd = end,
            };
            Outcome.Check(Native.GridFill(schedule.Pointer, &options, to, (nuint)times.Length));
        }
    }

    /// <summary>How many of a grid's steps image-to-image leaves out: give the sampler the times from
    /// there on, and start it from <see cref="StartFrom.Data"/>.</summary>
    /// <param name="rule">How the share of the steps is rounded.</param>
    /// <param name="steps">Those of the grid.</param>
    /// <param name="strength">From 0 to 1.</param>
    /// <returns>The first step that is run; steps, where there is nothing to run.</returns>
    public static int GridSkip(Strength rule, int steps, double strength)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(steps);
        uint first;
        Outcome.Check(Native.GridSkip(rule, (uint)steps, strength, &first));
        return (int)first;
    }

    /// <summary>A transform as numbers, for code that does the arithmetic itself.</summary>
    /// <param name="t">The time.</param>
    /// <param name="inputs">What is known.</param>
    /// <param name="output">What is wanted.</param>
    /// <param name="factors">As many places as inputs: the factor of each; 0 for one that is not
    /// needed.</param>
    /// <param name="diffusion">w(t)^2, for a drift.</param>
    public void TransformFactors(double t, ReadOnlySpan<Quantity> inputs, Quantity output,
        Span<double> factors, double diffusion = 0)
    {
        SameLength(inputs.Length, factors.Length, nameof(factors));
        using var schedule = new Lease(Handle);
        fixed (Quantity* from = inputs)
        fixed (double* to = factors)
        {
            Outcome.Check(Native.TransformCoeffs(schedule.Pointer, t, diffusion, from,
                (nuint)inputs.Length, output, to));
        }
    }

    private static void SameLength(int from, int to, string name)
    {
        if (from != to)
        {
            throw new ArgumentException($"There are {from} values, but {to} places.", name);
        }
    }

    /// <summary>Lets the schedule go. What uses it stays.</summary>
    public void Dispose() => Handle.Dispose();
}
