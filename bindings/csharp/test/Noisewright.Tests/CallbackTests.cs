// SPDX-License-Identifier: Apache-2.0
// Callbacks: what they see, and what becomes of what they throw.
using System.Runtime.CompilerServices;

namespace Noisewright.Tests;

public class CallbackTests
{
    private readonly NoisewrightContext _context = new();
    private readonly Schedule _schedule = new();
    private readonly float[] _x = new float[Fixture.Elements];

    private Tensor<float> X => new(_x, Fixture.Shape);

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(7)]
    public void What_a_model_throws_comes_out_and_the_run_goes_on_from_there(int at)
    {
        float[] whole = Fixture.Sample(_context, _schedule);
        using Sampler sampler = Fixture.MakeSampler(_context, _schedule);
        sampler.Start(X);
        var thrown = new TimeoutException("no network");
        var caught = Assert.Throws<TimeoutException>(() => sampler.Run(X,
            (in Eval eval, ReadOnlyTensor<float> x, Tensor<float> output) =>
            {
                if (eval.Index == at)
                {
                    throw thrown;
                }
                Fixture.Model(eval, x, output);
            }));
        Assert.Same(thrown, caught);
        Assert.Contains(nameof(What_a_model_throws_comes_out_and_the_run_goes_on_from_there),
            caught.StackTrace);
        Assert.True(sampler.Next(out Eval next));
        Assert.Equal(at, next.Index);
        sampler.Run<float>(X, Fixture.Model);
        Assert.Equal(whole, _x);
    }

    [Fact]
    public void What_progress_throws_comes_out()
    {
        using Sampler sampler = Fixture.MakeSampler(_context, _schedule);
        sampler.Start(X);
        Assert.Throws<InvalidTimeZoneException>(() => sampler.Run<float>(X, Fixture.Model,
            new Progress(_ => throw new InvalidTimeZoneException())));
    }

    [Fact]
    public void A_token_cancels_and_the_run_goes_on_from_there()
    {
        float[] whole = Fixture.Sample(_context, _schedule);
        using Sampler sampler = Fixture.MakeSampler(_context, _schedule);
        using var source = new CancellationTokenSource();
        sampler.Start(X);
        var caught = Assert.Throws<OperationCanceledException>(() => sampler.Run<float>(X,
            Fixture.Model, new Progress(eval =>
            {
                if (eval.Index == 2)
                {
                    source.Cancel();
                }
            }), source.Token));
        Assert.Equal(source.Token, caught.CancellationToken);
        Assert.True(sampler.Next(out Eval next));
        Assert.Equal(3, next.Index);
        sampler.Run<float>(X, Fixture.Model);
        Assert.Equal(whole, _x);
    }

    [Fact]
    public void Cancel_ends_a_run_at_its_next_evaluation()
    {
        using Sampler sampler = Fixture.MakeSampler(_context, _schedule);
        sampler.Start(X);
        Assert.Throws<OperationCanceledException>(() => sampler.Run(X,
            (in Eval eval, ReadOnlyTensor<float> x, Tensor<float> output) =>
            {
                Fixture.Model(eval, x, output);
                sampler.Cancel();
            }));
        Assert.True(sampler.Next(out Eval next));
        Assert.Equal(1, next.Index);
    }

    [Fact]
    public void Progress_is_told_of_every_step()
    {
        using Sampler sampler = Fixture.MakeSampler(_context, _schedule);
        var seen = new List<(int, int)>();
        sampler.Sample<float>(X, Fixture.Model, new Progress(e => seen.Add((e.Index, e.Count))));
        Assert.Equal(Enumerable.Range(0, 8).Select(i => (i, 8)), seen);
    }

    [Fact]
    public void A_model_sees_the_caller_s_own_array()
    {
        using Sampler sampler = Fixture.MakeSampler(_context, _schedule);
        bool same = true;
        sampler.Sample(X, (in Eval eval, ReadOnlyTensor<float> x, Tensor<float> output) =>
        {
            same &= Unsafe.AreSame(in x.Data[0], in _x[0]);
            same &= x.Shape.SequenceEqual(Fixture.Shape) && output.Shape.SequenceEqual(Fixture.Shape);
            Fixture.Model(eval, x, output);
        });
        Assert.True(same);
    }

    [Fact]
    public void A_large_tensor_is_stepped_where_it_is()
    {
        var x = new float[1 << 24];
        var output = new float[x.Length];
        using Sampler sampler = Fixture.MakeSampler(_context, _schedule);
        var state = new Tensor<float>(x, [16, 1 << 20]);
        sampler.Start(state);
        Assert.True(Unsafe.AreSame(ref state.Data[0], ref x[0]));
        float before = x[^1];
        output.AsSpan().Fill(1);
        sampler.Step(state, new Tensor<float>(output, [16, 1 << 20]));
        Assert.NotEqual(before, x[^1]);
    }

    [Fact]
    public void Neither_next_nor_step_allocates()
    {
        using Sampler sampler = Fixture.MakeSampler(_context, _schedule, steps: 1000);
        var output = new float[Fixture.Elements];
        sampler.Start(X);
        long Steps(int count)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < count; i++)
            {
                sampler.Next(out Eval eval);
                sampler.Step(X, new Tensor<float>(output, Fixture.Shape));
            }
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
        Steps(100);
        Assert.Equal(0, Steps(500));
    }

    [Fact]
    public void Guidance_takes_two_outputs_and_nothing_else_does()
    {
        Spec spec = Samplers.Euler(guidance: 3);
        using Sampler guided = Fixture.MakeSampler(_context, _schedule, spec);
        guided.Start(X);
        float[] start = [.. _x];
        guided.Next(out Eval first);
        Assert.Equal(2, first.OutputCount);
        Assert.Throws<InvalidOperationException>(() => guided.Run<float>(X, Fixture.Model));
        GuidedModel<float> model = (in Eval e, ReadOnlyTensor<float> x, Tensor<float> a, Tensor<float> b) =>
        {
            Fixture.Model(e, x, a);
            b.Data.Fill(0.25f);
        };
        guided.Run(X, model);
        float[] byRun = [.. _x];

        guided.Start(X);
        Assert.Equal(start, _x);
        float[] conditional = new float[Fixture.Elements], unconditional = new float[Fixture.Elements];
        foreach (Eval eval in guided.Evaluations())
        {
            Tensor<float> a = new(conditional, Fixture.Shape), b = new(unconditional, Fixture.Shape);
            model(eval, X, a, b);
            guided.Step(X, a, b);
        }
        Assert.Equal(byRun, _x);

        using Sampler plain = Fixture.MakeSampler(_context, _schedule);
        plain.Start(X);
        Assert.Throws<InvalidOperationException>(() => plain.Run(X, model));
    }

    [Theory]
    [InlineData("euler(guidance=3,guidance_begin=0.25,guidance_end=0.75)", new[] { 1, 2, 2, 1 })]
    [InlineData("euler(guidance=3,guidance_image=2)", new[] { 3, 3, 3, 3 })]
    [InlineData("ddpm(variance=learned_range)", new[] { 2, 2, 2, 2 })]
    [InlineData("ddpm(variance=learned_range,guidance=3,guidance_image=2,guidance_end=0.5)",
        new[] { 4, 4, 2, 2 })]
    [InlineData("ddpm", new[] { 1, 0, 1, 1, 1 }, new double[] { 999, 500, 999, 500, 0, -1 })]
    public async Task Evaluations_ask_for_one_to_four_outputs_or_none(string spec, int[] asked,
        double[]? times = null)
    {
        using var ddpm = new Schedule("ddpm");
        using var sampler = new Sampler(_context, ddpm, new SamplerOptions
        {
            Spec = spec,
            Prediction = Quantity.Noise,
            Steps = times is null ? 4 : 0,
            Times = times,
            Rngs = [new Rng(3)],
        });
        void Share(int place, ReadOnlySpan<float> from, Span<float> to)
        {
            for (int i = 0; i < from.Length; i++)
            {
                to[i] = 0.5f / (place + 1) * from[i];
            }
        }

        var told = new List<int>();
        sampler.Start(X);
        sampler.Run(X, (in Eval eval, ReadOnlyTensor<float> x, ModelOutputs<float> outputs) =>
        {
            Assert.Equal((eval.OutputCount, false), (outputs.Count, eval.Noises));
            told.Add(outputs.Count);
            for (int i = 0; i < outputs.Count; i++)
            {
                Share(i, x.Data, outputs[i].Data);
            }
        });
        Assert.Equal(asked.Where(count => count > 0), told);
        float[] byRun = [.. _x];

        float[][] outputs = [.. Enumerable.Range(0, 4).Select(_ => new float[Fixture.Elements])];
        sampler.Start(X);
        foreach (int expected in asked)
        {
            Assert.True(sampler.Next(out Eval eval));
            Assert.Equal(expected, eval.Noises ? 0 : eval.OutputCount);
            for (int i = 0; i < 4; i++)
            {
                Share(i, _x, outputs[i]);
            }
            Tensor<float> Given(int index, int count) =>
                index < count ? new Tensor<float>(outputs[index], Fixture.Shape) : default;
            void Step(int count)
            {
                if (count == 0)
                {
                    sampler.Step(X);
                    return;
                }
                sampler.Step(X, Given(0, count), Given(1, count), Given(2, count), Given(3, count));
            }
            for (int wrong = 0; expected > 0 && wrong <= 4; wrong++)
            {
                if (wrong != expected)
                {
                    Assert.Equal(Status.InvalidArgument,
                        Assert.Throws<NoisewrightException>(() => Step(wrong)).Status);
                }
            }
            Step(expected);
        }
        Assert.False(sampler.Next(out _));
        Assert.Equal(byRun, _x);

        sampler.Start(X);
        told.Clear();
        await sampler.RunAsync<float>(_x, Fixture.Shape, (Eval _, ReadOnlyMemory<float> x,
            IReadOnlyList<Memory<float>> places, CancellationToken _) =>
        {
            told.Add(places.Count);
            for (int i = 0; i < places.Count; i++)
            {
                Share(i, x.Span, places[i].Span);
            }
            return ValueTask.CompletedTask;
        });
        Assert.Equal(asked.Where(count => count > 0), told);
        Assert.Equal(byRun, _x);
    }

    [Fact]
    public async Task A_model_of_one_output_is_told_where_more_are_asked_for()
    {
        Spec spec = Samplers.Euler(guidance: 3, guidanceBegin: 0.5);
        using Sampler sampler = Fixture.MakeSampler(_context, _schedule, spec);
        sampler.Start(X);
        var e = Assert.Throws<InvalidOperationException>(() => sampler.Run<float>(X, Fixture.Model));
        Assert.Contains("asks for 2 outputs", e.Message);
        Assert.True(sampler.Next(out Eval eval));
        Assert.Equal(4, eval.Index);
        await Assert.ThrowsAsync<InvalidOperationException>(
            () => sampler.RunAsync<float>(_x, Fixture.Shape, Network));
        Assert.Throws<ArgumentOutOfRangeException>(() => sampler.Run(X,
            (in Eval _, ReadOnlyTensor<float> _, ModelOutputs<float> outputs) => outputs[2].Data.Clear()));
    }

    [Fact]
    public void A_schedule_of_one_s_own_is_the_schedule()
    {
        using Schedule own = Schedule.FromFunction((double t, ref Coefficients c) =>
        {
            (c.Alpha, c.Sigma, c.DAlpha, c.DSigma) = (t, 1 - t, 1, -1);
        });
        Assert.Equal(Fixture.Sample(_context, _schedule), Fixture.Sample(_context, own));
        Assert.Equal((0.0, 1.0), (own.TNoise, own.TData));
    }

    [Fact]
    public void What_a_schedule_throws_comes_out_of_the_call_that_asked()
    {
        using Schedule own = Schedule.FromFunction((double t, ref Coefficients c) =>
        {
            if (t is > 0.3 and < 0.4)
            {
                throw new NotSupportedException("not here");
            }
            (c.Alpha, c.Sigma) = (t, 1 - t);
        });
        Assert.Throws<NotSupportedException>(() => own.Evaluate(0.35));
        Assert.Equal(0.5, own.Evaluate(0.5).Alpha);
        // What was thrown before does not come out of an error that it has no part in.
        Assert.Throws<NoisewrightException>(() => own.Evaluate(double.NaN));
    }

    [Fact]
    public void Noise_of_one_s_own_is_used_and_may_throw()
    {
        float[] Run(NoiseSource noise)
        {
            using var sampler = new Sampler(_context, _schedule,
                new SamplerOptions { Spec = "ddim(eta=1)", Steps = 4, Noise = noise });
            var x = new float[Fixture.Elements];
            sampler.Sample<float>(new Tensor<float>(x, Fixture.Shape), Fixture.Model);
            return x;
        }
        var draws = new List<ulong>();
        float[] ones = Run((draw, noise) =>
        {
            draws.Add(draw);
            noise.As<float>().Data.Fill(1);
        });
        Assert.NotEmpty(draws);
        Assert.All(ones, v => Assert.Equal(ones[0], v));
        Assert.Throws<IOException>(() => Run((_, _) => throw new IOException()));
        Assert.Throws<InvalidCastException>(() => Run((_, noise) => noise.As<double>().Data.Fill(1)));
    }

    [Fact]
    public void Evaluations_refuses_a_body_that_does_not_step()
    {
        using Sampler sampler = Fixture.MakeSampler(_context, _schedule);
        sampler.Start(X);
        Assert.Throws<InvalidOperationException>(() => sampler.Evaluations().Count());
    }

    [Fact]
    public async Task An_awaited_model_gives_the_same_run()
    {
        float[] whole = Fixture.Sample(_context, _schedule, "dpmpp-2m");
        using Sampler sampler = Fixture.MakeSampler(_context, _schedule, "dpmpp-2m");
        sampler.Start(X);
        var seen = new List<int>();
        await sampler.RunAsync<float>(_x, Fixture.Shape, Network, new Progress(e => seen.Add(e.Index)));
        Assert.Equal(whole, _x);
        Assert.Equal(Enumerable.Range(0, 8), seen);
    }

    [Fact]
    public async Task An_awaited_run_can_be_cancelled_left_and_taken_up()
    {
        float[] whole = Fixture.Sample(_context, _schedule);
        using Sampler sampler = Fixture.MakeSampler(_context, _schedule);
        using var source = new CancellationTokenSource();
        sampler.Start(X);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => sampler.RunAsync<float>(_x,
            Fixture.Shape, Network, new Progress(_ => source.Cancel()), source.Token));
        await foreach (Eval eval in sampler.StepsAsync<float>(_x, Fixture.Shape, Network))
        {
            if (eval.Index == 4)
            {
                break;
            }
        }
        await sampler.RunAsync<float>(_x, Fixture.Shape, Network);
        Assert.Equal(whole, _x);
    }

    private static async ValueTask Network(Eval eval, ReadOnlyMemory<float> x, Memory<float> output,
        CancellationToken cancellation)
    {
        await Task.Delay(1, cancellation);
        Fixture.Model(eval, new ReadOnlyTensor<float>(x.Span, Fixture.Shape),
            new Tensor<float>(output.Span, Fixture.Shape));
    }

    [Fact]
    public void Samples_with_times_of_their_own_are_told_theirs()
    {
        using var sampler = new Sampler(_context, _schedule, new SamplerOptions
        {
            Times = [0, 0.5, 1, 0.2, 0.4, 0.8],
            TimeRows = 2,
            Rngs = [new Rng(1), new Rng(1, 1)],
        });
        var x = new float[4];
        sampler.Start(new Tensor<float>(x, [2, 2]));
        Assert.True(sampler.Next(out Eval eval));
        Assert.Equal([0, 0.2], eval.TRows);
        Assert.Equal([0, 0.2], eval.ClockRows);
        Assert.Equal([1, 1], eval.InputScaleRows);
        sampler.Step(new Tensor<float>(x, [2, 2]), new Tensor<float>(new float[4], [2, 2]));
        Assert.Equal([0, 0.2], eval.TRows);
    }
}
