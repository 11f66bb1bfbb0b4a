// SPDX-License-Identifier: Apache-2.0
// Lists what the library has: schedules, grids, samplers, weights, densities and generators, with
// their settings.
// A menu or a config file's checker can be made of the same calls.
namespace Noisewright.Examples;

internal static class List
{
    internal static void Run()
    {
        Domains(Domain.Schedule, "schedules");
        Domains(Domain.Grid, "grids");
        Domains(Domain.Sampler, "samplers");
        Domains(Domain.Weight, "weights");
        Domains(Domain.Density, "densities of random times");
        Domains(Domain.Generator, "generators of random numbers");
    }

    private static void Domains(Domain domain, string title)
    {
        Console.WriteLine(title);
        foreach (CatalogEntry e in Catalog.Entries(domain))
        {
            Console.Write($"  {e.Name,-26} {e.Summary}");
            if (domain == Domain.Sampler)
            {
                Console.Write($" (order {e.Order}, {e.EvalsPerStep} " +
                    $"evaluation{(e.EvalsPerStep == 1 ? "" : "s")} a step" +
                    $"{(e.Flags.HasFlag(EntryFlags.Stochastic) ? ", stochastic" : "")})");
            }
            Console.WriteLine();
            foreach (CatalogSetting s in e.Settings)
            {
                string range = s.Choices.Count > 0 ? $"one of {string.Join(',', s.Choices)};"
                    : $"{s.Min:g6} to {s.Max:g6},";
                Console.WriteLine($"      {s.Name,-18} {s.Summary}; {range} default {s.Default:g6}");
            }
        }
    }
}
