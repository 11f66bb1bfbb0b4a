// SPDX-License-Identifier: Apache-2.0
// What must equal other languages byte for byte: conformance, layout, examples, version.
using System.Diagnostics;
using Noisewright.Conformance;
using Noisewright.Interop;

namespace Noisewright.Tests;

public class AgreementTests
{
    [Fact]
    public void Every_conformance_case_has_the_expected_line()
    {
        string folder = Path.Combine(Fixture.Root, "tests", "conformance");
        using var context = new NoisewrightContext();
        string[] lines = [.. new Runner(context).Lines(Path.Combine(folder, "cases.txt"))];
        Assert.Equal(File.ReadAllLines(Path.Combine(folder, "expected.txt")), lines);
    }

    [Fact]
    public void Structs_lie_as_the_C_compiler_lays_them()
    {
        string expected = File.ReadAllText(Path.Combine(Fixture.Root, "tests", "abi", "layout.txt"));
        Assert.Equal(expected, Layout.Describe());
    }

    [Fact]
    public unsafe void Public_structs_lie_as_the_raw_ones()
    {
        Assert.Equal(sizeof(NwrRng), sizeof(Rng));
        Assert.Equal(sizeof(NwrCoeffs), sizeof(Coefficients));
        NwrRng raw = new() { Seed = 1, Stream = 2, Offset = 3 };
        Assert.Equal(new Rng(1, 2, 3), *(Rng*)&raw);
        NwrCoeffs c = new()
        {
            Alpha = 1, Sigma = 2, Gamma = 3, Dalpha = 4, Dsigma = 5, GammaDgamma = 6, LogAlpha = 7,
            DlogAlpha = 8, Lambda = 9, Diffusion2 = 10,
        };
        Coefficients same = new()
        {
            Alpha = 1, Sigma = 2, Gamma = 3, DAlpha = 4, DSigma = 5, GammaDGamma = 6, LogAlpha = 7,
            DLogAlpha = 8, Lambda = 9, Diffusion2 = 10,
        };
        Assert.Equal(same, *(Coefficients*)&c);
    }

    [Fact]
    public void The_package_has_the_library_s_version()
    {
        Version assembly = typeof(Sampler).Assembly.GetName().Version!;
        Assert.Equal(LibraryInfo.Version, new Version(assembly.Major, assembly.Minor, assembly.Build));
        Assert.Equal((int)Native.HeaderAbi, LibraryInfo.Abi);
        Assert.True(File.Exists(LibraryInfo.File));
    }

    [Theory]
    [InlineData("ddim")]
    [InlineData("train")]
    [InlineData("transform")]
    [InlineData("checkpoint")]
    [InlineData("recipes")]
    [InlineData("list")]
    public void Examples_print_what_those_in_C_print(string name)
    {
        ExamplePrintsWhatThatInCPrints(name);
    }

    [FactOfTheNetwork]
    public void The_network_draws_the_pictures_of_C() =>
        ExamplePrintsWhatThatInCPrints("fashion", FactOfTheNetworkAttribute.Library!, "1");

    private static void ExamplePrintsWhatThatInCPrints(string name, params string[] arguments)
    {
        string expected = Path.Combine(Fixture.Root, "examples", "c", "expected", $"{name}.txt");
        (int status, string output, string error) = RunExample([name, .. arguments]);
        Assert.Equal((0, ""), (status, error));
        Assert.Equal(File.ReadAllText(expected), output);
    }

    [Fact]
    public void A_library_that_is_not_there_is_named_with_the_places_tried()
    {
        (int status, _, string error) = RunExample(["list"], "/nowhere/libnoisewright.so");
        Assert.NotEqual(0, status);
        Assert.Contains("NWR_LIBRARY", error);
        Assert.Contains("/nowhere/libnoisewright.so (no such file)", error);
    }

    [Fact]
    public void A_library_that_does_not_fit_is_named()
    {
        string other = Directory.GetFiles(AppContext.BaseDirectory, "*.so", SearchOption.AllDirectories)
            .Concat(Directory.GetFiles(Path.GetDirectoryName(typeof(object).Assembly.Location)!, "*.so"))
            .First(file => !file.Contains("noisewright"));
        (int status, _, string error) = RunExample(["list"], other);
        Assert.NotEqual(0, status);
        Assert.Contains($"{other} is not libnoisewright", error);
    }

    private static (int Status, string Output, string Error) RunExample(string[] arguments,
        string? library = null)
    {
        string program = Path.Combine(AppContext.BaseDirectory, "Noisewright.Examples.dll");
        var start = new ProcessStartInfo("dotnet", [program, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        if (library is not null)
        {
            start.Environment["NWR_LIBRARY"] = library;
        }
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.Result);
    }
}

// Skipped, and listed as such, where the C examples have not been built.
internal sealed class FactOfTheNetworkAttribute : FactAttribute
{
    internal static readonly string? Library = Environment.GetEnvironmentVariable("NWR_FASHION");

    public FactOfTheNetworkAttribute()
    {
        if (Library is null)
        {
            Skip = "NWR_FASHION does not name libfashion.so";
        }
    }
}
