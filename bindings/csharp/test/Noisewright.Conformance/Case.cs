// SPDX-License-Identifier: Apache-2.0
// Owns the file of conformance cases as tests/conformance/README.md describes it.
using System.Globalization;

namespace Noisewright.Conformance;

internal sealed class Case
{
    private readonly List<string[]> _lines = [];

    private Case(string[] head)
    {
        if (head.Length != 3 || head[0] != "case")
        {
            throw new FormatException($"case NAME KIND, please: {string.Join(' ', head)}");
        }
        (Name, Kind) = (head[1], head[2]);
    }

    internal string Name { get; }
    internal string Kind { get; }

    internal static IEnumerable<Case> Read(string path)
    {
        Case? current = null;
        foreach (string line in File.ReadLines(path))
        {
            string[] words = line.Split('#')[0].Split(' ',
                StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            if (words.Length > 0)
            {
                if (current is null)
                {
                    current = new Case(words);
                }
                else
                {
                    current._lines.Add(words);
                }
            }
            else if (current is not null && !line.StartsWith('#'))
            {
                yield return current;
                current = null;
            }
        }
        if (current is not null)
        {
            yield return current;
        }
    }

    // The values of each line of a key.
    internal List<string[]> All(string key) =>
        [.. _lines.Where(line => line[0] == key).Select(line => line[1..])];

    internal bool Has(string key) => All(key).Count > 0;

    internal string? Value(string key) => All(key) is [[var value]] ? value : null;

    internal int Count(string key) => Value(key) is { } text ? int.Parse(text) : 0;

    internal int Choice(string key, Domain domain, int otherwise) =>
        Value(key) is { } name ? Catalog.Find(domain, name) : otherwise;

    internal double[] Numbers(string key) => [.. All(key).SelectMany(row => row).Select(Number)];

    internal static double Number(string text) => text switch
    {
        "inf" => double.PositiveInfinity,
        "-inf" => double.NegativeInfinity,
        _ => double.Parse(text, CultureInfo.InvariantCulture),
    };

    internal Rng[] Rngs(string key) => [.. All(key).Select(row => Rng(row))];

    internal static Rng Rng(ReadOnlySpan<string> words) => words.Length == 3
        ? new Rng(ulong.Parse(words[0]), ulong.Parse(words[1]), ulong.Parse(words[2]))
        : throw new FormatException("seed, stream and offset, please");

    internal long[] Shape => Has("shape") ? [.. All("shape")[0].Select(long.Parse)]
        : throw new FormatException($"{Name}: a shape, please");
}
