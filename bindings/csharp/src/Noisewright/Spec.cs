// SPDX-License-Identifier: Apache-2.0
// Owns spec strings: "name(key=value,...)", as config files and logs have them.
using System.Globalization;
using System.Text;

namespace Noisewright;

/// <summary>The name of a schedule, grid, sampler, weight, density or generator, with its settings. A
/// string is one as it stands; <see cref="Schedules"/>, <see cref="Grids"/>, <see cref="Samplers"/>,
/// <see cref="Weights"/>, <see cref="Densities"/> and <see cref="Generators"/> make them with checked
/// names.</summary>
/// <param name="Text">"ddim(eta=0.5)". Null is the default of its kind.</param>
public readonly record struct Spec(string? Text)
{
    /// <summary>A string as a spec.</summary>
    /// <param name="text">"ddim(eta=0.5)".</param>
    public static implicit operator Spec(string? text) => new(text);

    /// <summary>The text, as logs should have it.</summary>
    /// <returns>"ddim(eta=0.5)".</returns>
    public override string ToString() => Text ?? "";

    internal static Spec Of(string name, params ReadOnlySpan<(string Key, string? Value)> settings)
    {
        var text = new StringBuilder(name);
        char before = '(';
        foreach ((string key, string? value) in settings)
        {
            if (value is not null)
            {
                text.Append(before).Append(key).Append('=').Append(value);
                before = ',';
            }
        }
        return new Spec(before == '(' ? name : text.Append(')').ToString());
    }

    internal static string? Number(double value, double @default) =>
        value.Equals(@default) ? null : value.ToString("R", CultureInfo.InvariantCulture);

    internal static string? Truth(bool value, bool @default) =>
        value == @default ? null : value ? "yes" : "no";

    internal static string? Word(int value, int @default, ReadOnlySpan<string> words) =>
        value == @default ? null : words[value];
}
