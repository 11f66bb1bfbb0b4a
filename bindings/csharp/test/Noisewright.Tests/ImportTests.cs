// SPDX-License-Identifier: Apache-2.0
// What other libraries say: configurations, names, strength, generators.
namespace Noisewright.Tests;

public class ImportTests
{
    private const string Ddim = """{"_class_name": "DDIMScheduler", "clip_sample": false}""";

    private readonly NoisewrightContext _context = new();

    [Fact]
    public void A_configuration_is_a_schedule_and_what_it_says_besides()
    {
        using Schedule schedule = Schedule.Import(
            """{"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 3.0, "other": [1]}""",
            new ImportOptions { Steps = 12 });
        ImportedConfiguration config = schedule.Imported!;
        Assert.Equal("FlowMatchEulerDiscreteScheduler", config.Source);
        Assert.Equal((Quantity.Velocity, 12), (config.Prediction, config.Steps));
        Assert.Equal((Clock.T, 1000.0, StartFrom.Unit), (config.Clock, config.ClockScale, config.Start));
        Assert.StartsWith("\"other\"=", Assert.Single(config.Warnings));
        using var sampler = new Sampler(_context, schedule, new SamplerOptions
        {
            Spec = config.Sampler,
            Prediction = config.Prediction,
            Clock = config.Clock,
            Times = schedule.Grid(config.Grid, config.Steps),
            Rngs = [new Rng(1)],
        });
        var x = new float[Fixture.Elements];
        sampler.Start(new Tensor<float>(x, Fixture.Shape), config.Start);
        sampler.Run<float>(new Tensor<float>(x, Fixture.Shape), Fixture.Model);
        Assert.All(x, value => Assert.True(float.IsFinite(value)));
        using var plain = new Schedule("vp");
        Assert.Null(plain.Imported);
    }

    [Fact]
    public void Options_of_an_import_are_taken_or_refused_by_name()
    {
        ImportOptions With(params (string Key, double Value)[] parameters) =>
            new() { Parameters = parameters.ToDictionary(p => p.Key, p => p.Value) };
        using Schedule ddim = Schedule.Import(Ddim, With(("eta", 0.25)));
        Assert.Contains("eta=0.25", ddim.Imported!.Sampler.Text);
        const string Flow = """{"_class_name": "FlowMatchEulerDiscreteScheduler", "use_dynamic_shifting": true}""";
        using Schedule one = Schedule.Import(Flow, With(("tokens", 4096), ("even", 1)));
        using Schedule other = Schedule.Import(Flow, With(("tokens", 256), ("even", 1)));
        Assert.NotEqual(one.Grid(one.Imported!.Grid, 4), other.Grid(other.Imported!.Grid, 4));
        using Schedule named = Schedule.Import("euler normal",
            new ImportOptions { Schedule = Schedules.Vp() });
        Assert.StartsWith("vp(", named.Spec.Text);

        Status Refusal(string text, ImportOptions? options = null) =>
            Assert.Throws<NoisewrightException>(() => Schedule.Import(text, options)).Status;
        Assert.Equal(Status.NotFound, Refusal(Ddim, With(("mu", 1))));
        Assert.Equal(Status.NotFound, Refusal("no such sampler"));
        Assert.Equal(Status.InvalidArgument, Refusal("""{"_class_name": """));
        Assert.Throws<ArgumentException>(() => Schedule.Import("{\0}"));
        Assert.Throws<ArgumentException>(() => Schedule.Import(Ddim, With(("a\0b", 1))));
    }

    [Fact]
    public void A_strength_leaves_steps_out_by_both_rules()
    {
        Assert.Equal(13, Schedule.GridSkip(Strength.Floor, 50, 0.75));
        Assert.Equal(72, Schedule.GridSkip(Strength.Floor, 100, 0.29));
        Assert.Equal(71, Schedule.GridSkip(Strength.Ceil, 100, 0.29));
        Assert.Equal(20, Schedule.GridSkip(Strength.Floor, 20, 0));
        Assert.Throws<NoisewrightException>(() => Schedule.GridSkip(Strength.Floor, 20, 1.5));
        Assert.Throws<NoisewrightException>(() => Schedule.GridSkip((Strength)7, 20, 0.5));
    }

    [Fact]
    public void Generators_continue_where_they_stopped()
    {
        float[] whole = new float[40], parts = new float[40];
        Rng one = new(5), two = new(5);
        void Draw(ref Rng rng, Span<float> to) => _context.RandomGenerate(Generators.TorchCpu(),
            Distribution.Uniform, ref rng, new Tensor<float>(to, [to.Length]));
        Draw(ref one, whole);
        Draw(ref two, parts.AsSpan(0, 24));
        Draw(ref two, parts.AsSpan(24));
        Assert.Equal(whole, parts);
        Assert.Equal(one, two);
        Rng[] each = [new Rng(5), new Rng(6)];
        _context.RandomGenerate("torch-cpu", Distribution.Uniform, each.AsSpan(),
            new Tensor<float>(parts, [2, 20]));
        Assert.Equal(whole[..20], parts[..20]);
        Assert.Equal([20UL, 20UL], each.Select(rng => rng.Offset));
        // torch.manual_seed(42); torch.randn(2)
        Rng torch = new(42);
        _context.RandomGenerate("torch-cpu", Distribution.Normal, ref torch,
            new Tensor<float>(parts, [2]));
        Assert.Equal(0.33669037f, parts[0], 1e-6f);
        Assert.Contains(Catalog.Entries(Domain.Generator), entry => entry.Name == "torchsde");
    }

    [Fact]
    public void Increments_of_a_path_add_up()
    {
        double[] Increment(double from, double to)
        {
            var numbers = new double[8];
            Rng rng = new(9);
            _context.RandomGenerate(Generators.Brownian(), Distribution.Normal, ref rng,
                new Tensor<double>(numbers, [8]), from, to);
            Assert.Equal(new Rng(9), rng); // a path takes nothing
            return numbers;
        }
        // The path runs over the angle of (alpha, sigma), by which these lengths are halves.
        double[] whole = Increment(double.PositiveInfinity, 0);
        double[] first = Increment(double.PositiveInfinity, 1), second = Increment(1, 0);
        for (int i = 0; i < 8; i++)
        {
            Assert.Equal(whole[i], Math.Sqrt(0.5) * (first[i] + second[i]), 1e-6);
        }
    }

    [Fact]
    public void A_sampler_draws_from_the_generator_that_it_is_given()
    {
        using var vp = new Schedule("vp");
        using var sampler = new Sampler(_context, vp,
            new SamplerOptions { Rngs = [new Rng(42)], Generator = Generators.TorchCpu() });
        float[] x = new float[20], expected = new float[20];
        sampler.Start(new Tensor<float>(x, [1, 20]), StartFrom.Unit);
        Rng rng = new(42);
        _context.RandomGenerate("torch-cpu", Distribution.Normal, ref rng,
            new Tensor<float>(expected, [1, 20]));
        Assert.Equal(expected, x);
        Assert.Equal(Status.NotFound, Assert.Throws<NoisewrightException>(
            () => new Sampler(_context, vp, new SamplerOptions { Generator = "dice" })).Status);
    }
}
