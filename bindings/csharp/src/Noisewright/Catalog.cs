// SPDX-License-Identifier: Apache-2.0
// Owns the list of what the library has: menus and checkers of config files are made of it.
using Noisewright.Interop;

namespace Noisewright;

/// <summary>One named thing.</summary>
/// <param name="Value">The number of its enum; schedules and samplers of other libraries begin at
/// 1000.</param>
/// <param name="Name">Lower case, stable: what config files say.</param>
/// <param name="Summary">What it is.</param>
/// <param name="Flags">How it behaves.</param>
/// <param name="Order">Samplers: order of accuracy; else 0.</param>
/// <param name="EvalsPerStep">Samplers: evaluations a step.</param>
/// <param name="Settings">What a spec may set.</param>
public sealed record CatalogEntry(int Value, string Name, string Summary, EntryFlags Flags, int Order,
    int EvalsPerStep, IReadOnlyList<CatalogSetting> Settings);

/// <summary>One setting of an entry.</summary>
/// <param name="Name">The key in a spec.</param>
/// <param name="Summary">What it is.</param>
/// <param name="Default">What it is when left out.</param>
/// <param name="Min">The least value.</param>
/// <param name="Max">The greatest value.</param>
/// <param name="Choices">The words for 0, 1, 2 ...; empty for a number.</param>
public sealed record CatalogSetting(string Name, string Summary, double Default, double Min,
    double Max, IReadOnlyList<string> Choices);

/// <summary>What the loaded library has.</summary>
public static unsafe class Catalog
{
    /// <summary>The entries of a domain.</summary>
    /// <param name="domain">Which kind of thing.</param>
    /// <returns>In the library's order; none for a domain that it does not know.</returns>
    public static IReadOnlyList<CatalogEntry> Entries(Domain domain)
    {
        var entries = new CatalogEntry[Native.CatalogSize(domain)];
        for (int i = 0; i < entries.Length; i++)
        {
            NwrEntry entry = new() { StructSize = (uint)sizeof(NwrEntry) };
            Outcome.Check(Native.CatalogEntry(domain, (nuint)i, &entry));
            var settings = new CatalogSetting[entry.ParamCount];
            for (int k = 0; k < settings.Length; k++)
            {
                NwrParamInfo setting = new() { StructSize = (uint)sizeof(NwrParamInfo) };
                Outcome.Check(Native.CatalogParam(domain, (nuint)i, (nuint)k, &setting));
                settings[k] = new CatalogSetting(Outcome.Text(setting.Name)!,
                    Outcome.Text(setting.Summary)!, setting.DefaultValue, setting.Min, setting.Max,
                    Outcome.Text(setting.Choices)?.Split(',') ?? []);
            }
            entries[i] = new CatalogEntry(entry.Value, Outcome.Text(entry.Name)!,
                Outcome.Text(entry.Summary)!, entry.Flags, (int)entry.Order, (int)entry.EvalsPerStep,
                settings);
        }
        return entries;
    }

    /// <summary>The number of an entry.</summary>
    /// <param name="domain">Which kind of thing.</param>
    /// <param name="name">Its name, or one of its aliases.</param>
    /// <returns>The value of its enum.</returns>
    /// <exception cref="NoisewrightException"><see cref="Status.NotFound"/>; the message lists the
    /// names that there are.</exception>
    public static int Find(Domain domain, string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        int value;
        fixed (byte* text = Utf8.Of(name))
        {
            Outcome.Check(Native.CatalogFind(domain, text, &value));
        }
        return value;
    }
}
