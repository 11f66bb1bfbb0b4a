// SPDX-License-Identifier: Apache-2.0
// Calls: errors, tensors, specs, the catalogue and the parts that conformance does not reach.
namespace Noisewright.Tests;

public class CallTests
{
    private readonly NoisewrightContext _context = new();

    [Fact]
    public void A_refusal_has_the_status_and_the_library_s_words()
    {
        var e = Assert.Throws<NoisewrightException>(() => new Schedule("nope"));
        Assert.Equal(Status.NotFound, e.Status);
        Assert.Contains("nope", e.Message);
        Assert.Contains("cosine", e.Message);
        e = Assert.Throws<NoisewrightException>(() => new Schedule("vp(beta_max=-1)"));
        Assert.Equal(Status.InvalidArgument, e.Status);
        e = Assert.Throws<NoisewrightException>(
            () => new NoisewrightContext(new ContextOptions { Device = Device.Cuda }));
        Assert.Equal(Status.Backend, e.Status);
        Assert.Throws<ArgumentException>(() => new Schedule("linear\0"));
    }

    [Fact]
    public void Order_and_shape_are_checked()
    {
        using var schedule = new Schedule();
        using Sampler sampler = Fixture.MakeSampler(_context, schedule);
        var x = new float[Fixture.Elements];
        var e = Assert.Throws<NoisewrightException>(() => sampler.Next(out _));
        Assert.Equal(Status.InvalidState, e.Status);
        sampler.Start(new Tensor<float>(x, Fixture.Shape));
        e = Assert.Throws<NoisewrightException>(() => sampler.Step(
            new Tensor<float>(x, Fixture.Shape), new Tensor<float>(x, [Fixture.Elements])));
        Assert.Contains("outputs[0]", e.Message);
        e = Assert.Throws<NoisewrightException>(() => sampler.Step(default, default));
        Assert.Equal(Status.InvalidArgument, e.Status);
        Assert.Throws<NoisewrightException>(
            () => Sampler.Load(_context, schedule, sampler.Save().AsSpan(1)));
    }

    [Fact]
    public void A_tensor_cannot_reach_beyond_its_data()
    {
        var x = new float[12];
        Assert.Throws<ArgumentException>(() => new Tensor<float>(x, [3, 5]).Data.Length);
        Assert.Throws<ArgumentException>(() => new Tensor<float>(x, [3, 4], [5, 1]).Data.Length);
        Assert.Throws<ArgumentException>(() => new Tensor<float>(x, [3, 4], [4]).Data.Length);
        Assert.Throws<ArgumentException>(() => new Tensor<float>(x, [3, 4], [-4, 1]).Data.Length);
        Assert.Throws<ArgumentException>(() => new Tensor<float>([], []).Data.Length);
        Assert.Throws<ArgumentException>(
            () => new Tensor<float>(x, [long.MaxValue, long.MaxValue]).Data.Length);
        Assert.Throws<ArgumentException>(
            () => new Tensor<float>(x, [long.MaxValue, 3], [long.MaxValue, 2]).Data.Length);
        Assert.Throws<NotSupportedException>(() => new Tensor<int>([1], [1]).Data.Length);
        Assert.Equal(11, new Tensor<float>(x, [2, 5], [6, 1]).Data.Length);
        Assert.Equal(12, new Tensor<float>(x, [3, 4]).Data.Length);
    }

    [Fact]
    public void A_device_s_memory_is_not_read_here()
    {
        Assert.Throws<InvalidOperationException>(
            () => Tensor<float>.DangerousCreate(64, Device.Cuda, 0, [2, 3]).Data.Length);
        var e = Assert.Throws<NoisewrightException>(() => _context.RandomFill(Distribution.Normal,
            new Rng(1), Tensor<float>.DangerousCreate(64, Device.Cuda, 0, [2, 3])));
        Assert.Contains("cuda", e.Message);
    }

    [Fact]
    public void Views_with_strides_are_filled_in_place()
    {
        float[] wide = new float[2 * 8], dense = new float[2 * 5];
        _context.RandomFill(Distribution.Normal, new Rng(3), new Tensor<float>(wide, [2, 5], [8, 1]));
        _context.RandomFill(Distribution.Normal, new Rng(3), new Tensor<float>(dense, [2, 5]));
        Assert.Equal(dense[..5], wide[..5]);
        Assert.Equal(dense[5..], wide[8..13]);
        Assert.Equal([0, 0, 0], wide[5..8]);
    }

    [Fact]
    public void Element_types_round_alike()
    {
        float[] from = [0, 1, -1.5f, 1f / 3, 65504, 1e-7f, 3.0e38f, float.PositiveInfinity];
        var brain = new BFloat16[from.Length];
        var half = new Half[from.Length];
        var wide = new double[from.Length];
        var source = new Tensor<float>(from, [from.Length]);
        _context.Copy(source, new Tensor<BFloat16>(brain, [from.Length]));
        _context.Copy(source, new Tensor<Half>(half, [from.Length]));
        _context.Copy(source, new Tensor<double>(wide, [from.Length]));
        Assert.Equal(from.Select(v => (BFloat16)v), brain);
        Assert.Equal(from.Select(v => (Half)v), half);
        Assert.Equal(from.Select(v => (double)v), wide);
        Assert.True(float.IsNaN((BFloat16)float.NaN));
    }

    [Fact]
    public void A_step_takes_outputs_of_another_type()
    {
        using var schedule = new Schedule();
        float[] a = new float[Fixture.Elements], b = new float[Fixture.Elements];
        var single = new float[Fixture.Elements];
        var half = new Half[Fixture.Elements];
        single.AsSpan().Fill(0.5f);
        half.AsSpan().Fill((Half)0.5f);
        using Sampler sampler = Fixture.MakeSampler(_context, schedule);
        sampler.Start(new Tensor<float>(a, Fixture.Shape));
        sampler.Step(new Tensor<float>(a, Fixture.Shape), new Tensor<float>(single, Fixture.Shape));
        sampler.Start(new Tensor<float>(b, Fixture.Shape));
        sampler.Step(new Tensor<float>(b, Fixture.Shape), new Tensor<Half>(half, Fixture.Shape));
        Assert.Equal(a, b);
    }

    [Fact]
    public void Combine_adds_and_refuses_a_ninth_term()
    {
        float[] a = [1, 2], b = [10, 20], sum = new float[2];
        _context.Combine(
            Terms.Of(2, new Tensor<float>(a, [2])).And(-0.5, new Tensor<float>(b, [2])),
            new Tensor<float>(sum, [2]));
        Assert.Equal([-3, -6], sum);
        Assert.Throws<InvalidOperationException>(() =>
        {
            Terms terms = default;
            for (int i = 0; i < 9; i++)
            {
                terms = terms.And(1, new Tensor<float>(a, [2]));
            }
        });
    }

    [Fact]
    public void Blend_takes_the_side_that_the_mask_says()
    {
        float[] x = [1, float.NaN, 3], other = [float.NaN, 20, 5], mask = [1, 0, 0.5f];
        _context.Blend(
            new Tensor<float>(x, [3]), new Tensor<float>(other, [3]), new Tensor<float>(mask, [3]));
        Assert.Equal([1, 20, 4], x);
    }

    [Fact]
    public void Corrupt_draws_what_fill_would_write()
    {
        using var schedule = new Schedule("cosine");
        float[] data = [.. Enumerable.Range(0, Fixture.Elements).Select(i => i / 10f)];
        float[] noise = new float[Fixture.Elements], one = new float[Fixture.Elements];
        float[] drawn = new float[Fixture.Elements], two = new float[Fixture.Elements];
        var t = new double[4];
        _context.RandomTimes(schedule, Densities.LogitNormal(), new Rng(5), new Tensor<double>(t, [4]));
        _context.RandomFill(Distribution.Normal, new Rng(6), new Tensor<float>(noise, Fixture.Shape));
        _context.Transform(schedule, new Tensor<double>(t, [4]),
            Inputs.Of(Quantity.Data, new Tensor<float>(data, Fixture.Shape))
                .And(Quantity.Noise, new Tensor<float>(noise, Fixture.Shape)),
            Outputs.Of(Quantity.State, new Tensor<float>(one, Fixture.Shape)));
        _context.Corrupt(schedule, new Tensor<double>(t, [4]), Quantity.Noise, new Rng(6),
            Inputs.Of(Quantity.Data, new Tensor<float>(data, Fixture.Shape)),
            Outputs.Of(Quantity.State, new Tensor<float>(two, Fixture.Shape))
                .And(Quantity.Noise, new Tensor<float>(drawn, Fixture.Shape)));
        Assert.Equal(noise, drawn);
        Assert.Equal(one, two);
    }

    [Fact]
    public void Numbers_of_a_schedule_come_one_by_one_and_in_rows()
    {
        using var schedule = new Schedule(Schedules.Vp());
        double[] times = [0.1, 0.4, 0.9];
        var rows = new Coefficients[3];
        schedule.Evaluate(times, rows);
        Assert.Equal(times.Select(schedule.Evaluate), rows);
        Assert.Equal(0.4, schedule.Invert(rows[1].Lambda), 1e-9);
        Assert.Equal((1.0, 0.0), (schedule.TNoise, schedule.TData));
        Assert.Equal(schedule.Grid("uniform", 4), new Schedule(schedule.Spec).Grid(default, 4));
        Assert.Throws<ArgumentException>(() => schedule.Evaluate(times, rows.AsSpan(1)));
        using Schedule table = Schedule.FromTable([0.1, 0.2], betas: true);
        Assert.Equal(Math.Sqrt(0.9), table.Evaluate(0).Alpha, 1e-12);
    }

    [Fact]
    public void Specs_name_what_is_not_the_default()
    {
        Assert.Equal("ddim", Samplers.Ddim().Text);
        Assert.Equal("ddim(eta=0.5)", Samplers.Ddim(eta: 0.5).Text);
        Assert.Equal("ddpm(beta=scaled_linear,beta_end=0.012)",
            Schedules.Ddpm(beta: ScheduleBeta.ScaledLinear, betaEnd: 0.012).Text);
        Assert.Equal("edm(s_max=1E+20,last_step=plain,unit_input=yes)",
            Samplers.Edm(sMax: 1e20, lastStep: SamplerLastStep.Plain, unitInput: true).Text);
        Assert.Throws<IndexOutOfRangeException>(() => Schedules.Linear(time: (ScheduleTime)9));
    }

    [Fact]
    public void Every_entry_s_constructor_is_understood()
    {
        string[] Names(Type type) => [.. type.GetMethods()
            .Where(m => m.ReturnType == typeof(Spec))
            .Select(m => ((Spec)m.Invoke(null, [.. m.GetParameters().Select(p => p.DefaultValue)])!).Text!)];
        foreach ((Type type, Domain domain) in ((Type, Domain)[])[
            (typeof(Schedules), Domain.Schedule), (typeof(Grids), Domain.Grid),
            (typeof(Samplers), Domain.Sampler), (typeof(Weights), Domain.Weight),
            (typeof(Densities), Domain.Density), (typeof(Generators), Domain.Generator)])
        {
            Assert.Equal(Catalog.Entries(domain).Select(e => e.Name), Names(type));
        }
    }

    [Fact]
    public void The_catalogue_finds_aliases_and_public_enums_are_its_own()
    {
        foreach ((Domain domain, Type type) in ((Domain, Type)[])[
            (Domain.Status, typeof(Status)), (Domain.Dtype, typeof(Dtype)),
            (Domain.Device, typeof(Device)), (Domain.Quantity, typeof(Quantity)),
            (Domain.Clock, typeof(Clock)), (Domain.Distribution, typeof(Distribution)),
            (Domain.Start, typeof(StartFrom)), (Domain.Strength, typeof(Strength))])
        {
            Assert.Equal(
                Enum.GetValues(type).Cast<int>().Order(),
                Catalog.Entries(domain).Select(e => e.Value).Order());
        }
        Assert.Equal((int)Quantity.Noise, Catalog.Find(Domain.Quantity, "epsilon"));
        Assert.Empty(Catalog.Entries((Domain)99));
        Assert.Equal(Status.NotFound,
            Assert.Throws<NoisewrightException>(() => Catalog.Find(Domain.Sampler, "nope")).Status);
    }

    [Fact]
    public void A_preview_can_be_had_and_a_saved_run_goes_on()
    {
        using var schedule = new Schedule();
        using Sampler sampler = Fixture.MakeSampler(_context, schedule);
        float[] x = new float[Fixture.Elements], preview = new float[Fixture.Elements];
        sampler.Sample<float>(new Tensor<float>(x, Fixture.Shape), Fixture.Model,
            new Progress(_ => sampler.Denoised(new Tensor<float>(preview, Fixture.Shape))));
        Assert.Equal(x, preview);
        using Sampler loaded = Sampler.Load(_context, schedule, sampler.Save());
        Assert.False(loaded.Next(out Eval end));
        Assert.Equal((8, 8, 1.0), (end.Index, end.Count, end.T));
    }
}
