// SPDX-License-Identifier: Apache-2.0
// Owns schedules made of other libraries' configurations, and what these say besides.
using Noisewright.Interop;

namespace Noisewright;

/// <summary>What a configuration leaves open.</summary>
public sealed record ImportOptions
{
    /// <summary>Steps of the run, on which some settings depend; 0 is 50.</summary>
    public int Steps { get; init; }

    /// <summary>The model's schedule, of which names alone say nothing. None is "sd15".</summary>
    public Spec Schedule { get; init; }

    /// <summary>What the class takes when it is called: eta, s_noise, order, strength, mu, tokens,
    /// even.</summary>
    public IReadOnlyDictionary<string, double>? Parameters { get; init; }
}

/// <summary>What a configuration says besides the schedule, for grids and samplers.</summary>
/// <param name="Prediction">What the model returns.</param>
/// <param name="Clock">What the model reads, once multiplied by <paramref name="ClockScale"/>.</param>
/// <param name="ClockScale">1000 where timesteps are a flow's sigma times 1000.</param>
/// <param name="Start">How the other library begins a run.</param>
/// <param name="Steps">The steps that it is for.</param>
/// <param name="Source">The class, or the names in lower case.</param>
/// <param name="Grid">Of <see cref="Noisewright.Schedule.Grid(Spec, int, double, double)"/>.</param>
/// <param name="Sampler">Of <see cref="SamplerOptions"/>.</param>
/// <param name="Warnings">What was not followed, as "key=value: reason".</param>
public sealed record ImportedConfiguration(Quantity Prediction, Clock Clock, double ClockScale,
    StartFrom Start, int Steps, string Source, Spec Grid, Spec Sampler, IReadOnlyList<string> Warnings);

public sealed unsafe partial class Schedule
{
    private Schedule(void* made) => Handle.Take(made);

    /// <summary>Makes the schedule of another library's configuration;
    /// <see cref="Imported"/> tells the rest.</summary>
    /// <param name="text">The JSON of a scheduler_config.json of diffusers, or the name that
    /// k-diffusion, ComfyUI, A1111 or stable-diffusion.cpp gives a sampler, of which a grid's may
    /// follow: "DPM++ 2M Karras".</param>
    /// <param name="options">What it leaves open.</param>
    /// <returns>The schedule.</returns>
    /// <exception cref="NoisewrightException">The message names the key and its value, or the classes
    /// that are known.</exception>
    public static Schedule Import(string text, ImportOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(text);
        options ??= new ImportOptions();
        ArgumentOutOfRangeException.ThrowIfNegative(options.Steps);
        KeyValuePair<string, double>[] parameters = [.. options.Parameters ?? new Dictionary<string, double>()];
        // One array of all names, since each to be pinned would need a block of its own.
        byte[][] names = [.. parameters.Select(p => Utf8.Of(p.Key)!)];
        byte[] joined = [.. names.SelectMany(name => name)];
        var list = new NwrParam[parameters.Length];
        fixed (byte* config = Utf8.Of(text), model = Utf8.Of(options.Schedule.Text), name = joined)
        fixed (NwrParam* given = list)
        {
            byte* next = name;
            for (int i = 0; i < list.Length; i++)
            {
                given[i] = new NwrParam { Name = next, Value = parameters[i].Value };
                next += names[i].Length;
            }
            NwrImportOptions how = new()
            {
                StructSize = (uint)sizeof(NwrImportOptions),
                Steps = (uint)options.Steps,
                ParamCount = (uint)list.Length,
                Params = given,
                Schedule = model,
            };
            void* made;
            Outcome.Check(Native.ScheduleImport(config, &how, &made));
            return new Schedule(made);
        }
    }

    /// <summary>What <see cref="Import"/> read besides the schedule; null for other schedules.</summary>
    public ImportedConfiguration? Imported
    {
        get
        {
            using var schedule = new Lease(Handle);
            NwrImport got = new() { StructSize = (uint)sizeof(NwrImport) };
            Status status = Native.ScheduleGetImport(schedule.Pointer, &got);
            if (status == Status.InvalidState)
            {
                return null;
            }
            Outcome.Check(status);
            var warnings = new string[got.WarningCount];
            for (int i = 0; i < warnings.Length; i++)
            {
                warnings[i] = Outcome.Text(got.Warnings[i])!;
            }
            return new ImportedConfiguration(got.Prediction, got.Clock, got.ClockScale, got.Start,
                (int)got.Steps, Outcome.Text(got.Source)!, Outcome.Text(got.Grid),
                Outcome.Text(got.Sampler), warnings);
        }
    }
}
